"""Documents of test vectors, made by this implementation.

Every rule and every refusal of the specification occurs at least once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from . import forgery, key, merkle, mining, pow, proof, receipt
from .block import EMPTY_BLOCK_BYTES, VERSION, Block, Header
from .chain import MESSAGE_AHEAD_MAX_MS, MESSAGE_BEFORE_MAX_MS, Chain
from .codec import u64
from .hashing import sha256, tagged_hash
from .history import MountainRange, Record
from .message import Message, least_stamp_work
from .network import BLOCK_BYTES_MAX, BLOCK_MESSAGES_MAX, DEV, JSON_INTEGER_MAX, MILLISECONDS_MAX, PLEXUS, Network

ALICE, BOB, CAROL = (sha256(name) for name in (b"alice", b"bob", b"carol"))

# Easy to mine like `dev`, but with a variable difficulty.
GARDEN = replace(DEV, name="garden", half_life_ms=600_000)

# At first, every other hash is a block.
MEADOW = replace(GARDEN, name="meadow", limit_bits=0x207FFFFF)

# The same, with bits that never change.
LEVEL = replace(MEADOW, name="level", half_life_ms=0)

PHRASES = (
    "abandon " * 23 + "art",
    "legal winner thank year wave sausage worth useful " * 2 + "legal winner thank year wave sausage worth title",
    "zoo " * 23 + "vote",
)


def documents() -> dict[str, dict]:
    """Returns all files by name."""
    return {
        "hash.json": _listed("Tagged hashes.", hashes()),
        "key.json": _listed("Keys from phrases, deterministic signatures, and signatures to judge.", keys()),
        "network.json": _listed("Networks and their genesis; parameters that no network has.", networks()),
        "target.json": _listed("Compact bits, work, and steps of the next-target rule.", targets()),
        "header.json": _listed("Headers with their hash.", headers()),
        "message.json": _listed("Messages, and bytes that are none.", messages()),
        "merkle.json": _listed("Messages roots over arbitrary entries.", merkle_trees()),
        "history.json": _listed("Mountain ranges of different sizes.", histories()),
        "block.json": _listed("Blocks, and bytes that are none.", block_vectors()),
        "proof.json": _listed("Points that are demanded, chain proofs, and bytes that prove nothing.", proofs()),
        "receipt.json": _listed("Proof files with their JSON form, and files that show nothing.", receipts()),
        "rules.json": rules(),
        "chain.json": chain(),
    }


def _listed(description: str, vectors: Iterable[dict]) -> dict:
    return {"description": description, "vectors": list(vectors)}


def hashes() -> Iterable[dict]:
    tags = ("network", "message", "stamp", "leaf", "node", "history", "root", "body", "content", "block")
    for index, tag in enumerate(f"plexus/{tag}" for tag in tags):
        data = bytes(range(7 * index))
        yield {"tag": tag, "input": data.hex(), "hash": tagged_hash(tag, data).hex()}


def keys() -> Iterable[dict]:
    for phrase in PHRASES:
        seed = key.seed_of(phrase)
        secret = key.secret_of(seed)
        yield {
            "kind": "derive",
            "phrase": phrase,
            "seed": seed.hex(),
            "secret": secret.hex(),
            "public": key.public_of(secret).hex(),
        }
    for secret in (ALICE, BOB, (1).to_bytes(32, "big"), (key.GROUP_ORDER - 1).to_bytes(32, "big")):
        for digest in (bytes(32), sha256(b"digest"), b"\xff" * 32):
            yield {
                "kind": "sign",
                "secret": secret.hex(),
                "public": key.public_of(secret).hex(),
                "digest": digest.hex(),
                "signature": key.sign(secret, digest).hex(),
            }
    public, digest = key.public_of(ALICE), sha256(b"digest")
    signature = key.sign(ALICE, digest)
    for judged_public, judged_digest, judged_signature in (
        (public, digest, signature),
        (key.public_of(BOB), digest, signature),
        (public, sha256(b"another"), signature),
        (public, digest, _high_s(signature)),
        (public, digest, bytes(32) + signature[32:]),
        (public, digest, signature[:32] + bytes(32)),
        (public, digest, key.GROUP_ORDER.to_bytes(32, "big") + signature[32:]),
        (public, digest, b"\xff" * 64),
        (bytes([public[0] ^ 1]) + public[1:], digest, signature),
        (b"\x04" + public[1:], digest, signature),
        # SEC 1's compact form, which some libraries accept as a key.
        (b"\x05" + public[1:], digest, signature),
        (b"\x05" + key.public_of(BOB)[1:], digest, key.sign(BOB, digest)),
        (b"\x05" + key.public_of(CAROL)[1:], digest, key.sign(CAROL, digest)),
        (bytes(33), digest, signature),
        (_off_curve(), digest, signature),
        (b"\x02" + (key.FIELD_PRIME + 1).to_bytes(32, "big"), digest, signature),
    ):
        yield {
            "kind": "verify",
            "public": judged_public.hex(),
            "digest": judged_digest.hex(),
            "signature": judged_signature.hex(),
            "valid": key.verify(judged_public, judged_digest, judged_signature),
        }


def networks() -> Iterable[dict]:
    widest = Network(
        "a-name-of-32-characters-in-all-0",
        JSON_INTEGER_MAX,
        MILLISECONDS_MAX,
        MILLISECONDS_MAX,
        0x2100FFFF,
        BLOCK_BYTES_MAX,
        BLOCK_MESSAGES_MAX,
    )
    narrowest = Network("-", 0, 1, 0, 0x01010000, EMPTY_BLOCK_BYTES, 0)
    for network in (PLEXUS, DEV, GARDEN, narrowest, widest):
        yield {
            "kind": "network",
            "parameters": network.to_json(),
            "encoding": network.encode().hex(),
            "genesis_header": network.genesis.header.encode().hex(),
            "genesis_block": network.genesis.encode().hex(),
            "network_id": network.id.hex(),
        }
    for wrong in (
        {"name": ""},
        {"name": "x" * 33},
        {"name": "Plexus"},
        {"name": "a b"},
        {"genesis_time": 2**53},
        {"genesis_time": -1},
        {"genesis_time": "0"},
        {"spacing_ms": 0},
        {"spacing_ms": MILLISECONDS_MAX + 1},
        {"half_life_ms": MILLISECONDS_MAX + 1},
        {"half_life_ms": 0.5},
        {"limit_bits": "0x1e000010"},
        {"limit_bits": "0x1E100000"},
        {"limit_bits": "1e100000"},
        {"limit_bits": "0x1e10000"},
        {"limit_bits": 0x1E100000},
        {"block_bytes_max": EMPTY_BLOCK_BYTES - 1},
        {"block_bytes_max": BLOCK_BYTES_MAX + 1},
        {"block_messages_max": BLOCK_MESSAGES_MAX + 1},
        {"block_messages_max": True},
        {"unknown": 1},
    ):
        yield {"kind": "refused", "parameters": DEV.to_json() | wrong}
    for missing in DEV.to_json():
        yield {"kind": "refused", "parameters": {name: v for name, v in DEV.to_json().items() if name != missing}}


def targets() -> Iterable[dict]:
    for bits in (
        0x01010000,
        0x02010000,
        0x03010000,
        0x037FFFFF,
        0x04008000,
        0x11010000,
        0x1100FFFF,
        0x1D00FFFF,
        0x1E100000,
        0x20010000,
        0x207FFFFF,
        0x2100FFFF,
    ):
        target = pow.expand(bits)
        yield {
            "kind": "bits",
            "bits": pow.bits_text(bits),
            "target": target.to_bytes(32, "big").hex(),
            "work": str(pow.work(target)),
        }
    for bits in (
        0,
        0x00123456,
        0x01003456,
        0x01010001,
        0x01FEDCBA,
        0x04000001,
        0x04800000,
        0x1D800000,
        0x20000000,
        0x200000FF,
        0x21010000,
        0x220000FF,
        0x22000100,
        0xFF123456,
    ):
        yield {"kind": "refused", "bits": pow.bits_text(bits)}
    for target in (1, 0x7F, 0x80, 0xFFFF, 0x800000, 0x12345678, 2**236 - 1, 2**248, 2**255, 2**256 - 1):
        yield {
            "kind": "compact",
            "target": target.to_bytes(32, "big").hex(),
            "bits": pow.bits_text(pow.compact(target)),
        }
    yield from _steps()


def _steps() -> Iterable[dict]:
    start = PLEXUS.genesis_time
    easy, hard, old = PLEXUS.limit_bits, 0x1A123456, 1_000
    quick = replace(PLEXUS, half_life_ms=7)
    cases = [
        (PLEXUS, old, bits, start, start + delta)
        for bits in (easy, hard)
        for delta in (1, 7_500, 14_999, 15_000, 15_001, 15_010, 20_000, 315_000, 614_999, 615_000, 3_000_000, 10**9)
    ]
    cases += [
        (PLEXUS, old, hard, 0, 2**64 - 1),
        (PLEXUS, old, 0x01010000, start, start + 1),
        (PLEXUS, old, 0x01010000, start, start + 10**8),
        (PLEXUS, old, hard, start, start),
        (PLEXUS, old, hard, start, start - 600_000),
        (PLEXUS, old, hard, 2**64 - 1, 0),
        (DEV, old, DEV.limit_bits, start, start + 10**8),
        (DEV, old, 0x1A123456, start, start + 1),
        (replace(PLEXUS, spacing_ms=2**53 - 1, half_life_ms=1), old, hard, start, start + 1),
        (replace(PLEXUS, spacing_ms=1, half_life_ms=1), old, hard, 0, 2**64 - 1),
        (replace(PLEXUS, spacing_ms=600_000), old, hard, start, start + 1),
        (quick, old, 0x01010000, start, start + 15_000 + 7 * 200 + 3),
        (quick, old, hard, start, start + 15_000 - 7 * 100 - 3),
        *((quick, old, hard, start, start + 15_000 + 7 * n) for n in (46, 47, 48, 79, 80)),
        *((quick, old, 0x01010000, start, start + 15_000 + 7 * n) for n in (46, 47, 255, 256)),
        (replace(PLEXUS, half_life_ms=7, limit_bits=0x2100FFFF), old, 0x01010000, start, start + 15_000 + 7 * 255),
        (replace(PLEXUS, limit_bits=0x2100FFFF), old, 0x2100FFFF, start, start + 10_000),
        (replace(PLEXUS, limit_bits=0x2100FFFF), old, 0x207FFFFF, start, start + 615_000),
    ]
    # A young chain has a shorter half-life, unless the network's own is shorter.
    cases += [
        (network, height, hard, start, start + delta)
        for network in (PLEXUS, replace(PLEXUS, half_life_ms=119_999), replace(PLEXUS, spacing_ms=MILLISECONDS_MAX))
        for height in (0, 1, 71, 72, 100, 319, 320, 2**64 - 1)
        for delta in (1, 135_000)
    ]
    cases += [(DEV, 1, 0x1A123456, start, start + 1)]
    for network, height, bits, parent_time, time in cases:
        yield {
            "kind": "next",
            "spacing_ms": str(network.spacing_ms),
            "half_life_ms": str(network.half_life_ms),
            "limit_bits": pow.bits_text(network.limit_bits),
            "height": str(height),
            "parent_bits": pow.bits_text(bits),
            "parent_time": str(parent_time),
            "time": str(time),
            "bits": pow.bits_text(
                pow.next_bits(
                    spacing_ms=network.spacing_ms,
                    half_life_ms=network.half_life_ms,
                    limit_bits=network.limit_bits,
                    height=height,
                    parent_bits=bits,
                    parent_time=parent_time,
                    time=time,
                )
            ),
        }


def headers() -> Iterable[dict]:
    plain = Header(sha256(b"parent"), sha256(b"content"), VERSION, 7, PLEXUS.genesis_time + 15_000, DEV.limit_bits, 0)
    for header in (
        mining.search(plain),
        mining.search(plain, meeting=False),
        Header(b"\xff" * 32, b"\xff" * 32, 2**32 - 1, 2**64 - 1, 2**64 - 1, 2**32 - 1, 2**64 - 1),
        Header(bytes(32), bytes(32), 0, 0, 0, 0, 0),
        PLEXUS.genesis.header,
    ):
        yield {
            "prev_hash": header.prev_hash.hex(),
            "content_root": header.content_root.hex(),
            "version": header.version,
            "height": str(header.height),
            "time": str(header.time),
            "bits": pow.bits_text(header.bits),
            "nonce": str(header.nonce),
            "encoding": header.encode().hex(),
            "hash": header.hash.hex(),
            "meets_target": header.meets_target(),
        }


def messages() -> Iterable[dict]:
    time = PLEXUS.genesis_time + 1
    for network, secret, recipient, text, message_time, stamp in (
        (PLEXUS, ALICE, "Bob", "Hello", time, 0),
        (DEV, ALICE, "Bob", "Hello", time, 0),
        (PLEXUS, ALICE, "Bob", "Hello", time, 2**64 - 1),
        (PLEXUS, BOB, "", "x", 0, 1),
        (PLEXUS, BOB, "Łukasz, 子", "Grüße\nan alle 🌍", 2**64 - 1, 12345),
        (PLEXUS, CAROL, "r" * 128, "t" * 4096, time, 2**53 + 1),
    ):
        message = Message.write(network.id, secret, recipient, text, message_time, stamp)
        yield {
            "kind": "message",
            "network_id": network.id.hex(),
            "secret": secret.hex(),
            "sender": message.sender.hex(),
            "time": str(message.time),
            "recipient": recipient,
            "text": text,
            "stamp": str(stamp),
            "id": message.id(network.id).hex(),
            "signature": message.signature.hex(),
            "encoding": message.encode().hex(),
            "stamp_hash": message.stamp_hash(network.id).hex(),
            "stamp_work": str(message.stamp_work(network.id)),
            "stamp_level": message.stamp_level(network.id),
            "price": str(message.price(network.id)),
            "text_form": message.text_form(),
        }
    for bits in (0x1E100000, 0x1F00FFFF, 0x20010000, 0x1D00FFFF):
        for size in (118, 256, 4341):
            work = least_stamp_work(pow.work(pow.expand(bits)), size)
            yield {"kind": "least_stamp", "limit_bits": pow.bits_text(bits), "size": size, "work": str(work)}
    good = Message.write(PLEXUS.id, ALICE, "Bob", "Hello", time)
    encoded = good.encode()
    head, recipient_bytes, text_bytes, tail = encoded[:41], encoded[41:46], encoded[46:53], encoded[53:]
    for wrong, rule in (
        (encoded[:-1], "InvalidEncoding"),
        (encoded + b"\0", "InvalidEncoding"),
        (b"", "InvalidEncoding"),
        (head + recipient_bytes + b"\0\0" + tail, "InvalidEncoding"),
        (head + recipient_bytes + b"\x10\x01" + b"t" * 4097 + tail, "InvalidEncoding"),
        (head + b"\x00\x81" + b"r" * 129 + text_bytes + tail, "InvalidEncoding"),
        (head + recipient_bytes + b"\0\x02\xc3\x28" + tail, "InvalidEncoding"),
        (head + recipient_bytes + b"\0\x02\xc0\x80" + tail, "InvalidEncoding"),
        (head + b"\0\x03\xed\xa0\x80" + text_bytes + tail, "InvalidEncoding"),
        (replace(good, text="Hullo").encode(), "InvalidSignature"),
        (replace(good, time=time + 1).encode(), "InvalidSignature"),
        (replace(good, recipient="BobH", text="ello").encode(), "InvalidSignature"),
        (replace(good, sender=key.public_of(BOB)).encode(), "InvalidSignature"),
        (replace(good, sender=_off_curve()).encode(), "InvalidSignature"),
        (replace(good, signature=_high_s(good.signature)).encode(), "InvalidSignature"),
        (Message.write(DEV.id, ALICE, "Bob", "Hello", time).encode(), "InvalidSignature"),
    ):
        yield {"kind": "refused", "network_id": PLEXUS.id.hex(), "encoding": wrong.hex(), "rule": rule}


def merkle_trees() -> Iterable[dict]:
    for count in (0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 17):
        entries = [bytes([index]) * index for index in range(count)]
        leaves = [merkle.leaf(entry) for entry in entries]
        yield {
            "entries": [entry.hex() for entry in entries],
            "leaves": [leaf.hex() for leaf in leaves],
            "root": merkle.root(leaves).hex(),
        }


def histories() -> Iterable[dict]:
    for count in (0, 1, 2, 3, 4, 5, 7, 8, 11, 16, 21):
        yield _history(
            [Record(sha256(bytes([i])), 1000 * i, PLEXUS.genesis_time + i, 0x1E100000 - i) for i in range(count)]
        )
    yield _history([Record(sha256(bytes([i])), 2**127, i, 0x01010000) for i in range(5)])


def _history(leaves: list[Record]) -> dict:
    mountains = MountainRange()
    for leaf in leaves:
        mountains.append(leaf)
    bagged = mountains.bagged()
    return {
        "leaves": [leaf.encode().hex() for leaf in leaves],
        "peaks": [peak.encode().hex() for peak in mountains.peaks],
        "bagged": bagged.encode().hex() if bagged else "",
        "root": mountains.root().hex(),
    }


def block_vectors() -> Iterable[dict]:
    chain = Chain(DEV)
    for count, extra in ((0, 0), (1, 1), (3, 2**64 - 1)):
        time = chain.tip.time + 15_000
        block = mining.mine(chain, ALICE, time, _notes(DEV, time, count), extra=extra)
        history_root = chain.history.root()
        yield {
            "kind": "block",
            "network_id": DEV.id.hex(),
            "history_root": history_root.hex(),
            "header": block.header.encode().hex(),
            "extra": str(extra),
            "author": block.author.hex(),
            "signature": block.signature.hex(),
            "messages": [message.encode().hex() for message in block.messages],
            "encoding": block.encode().hex(),
            "hash": block.header.hash.hex(),
            "messages_root": block.messages_root.hex(),
            "author_digest": block.author_digest(DEV.id, history_root).hex(),
            "body_root": block.body_root().hex(),
            "content_root": block.content_root(history_root).hex(),
        }
        _extend(chain, block)
    encoded = block.encode()
    for wrong, bytes_max, messages_max, rule in (
        (encoded[:-1], 10_000, 10, "InvalidEncoding"),
        (encoded + b"\0", 10_000, 10, "InvalidEncoding"),
        (encoded[:96], 10_000, 10, "InvalidEncoding"),
        (_with_count(encoded, 4), 10_000, 10, "InvalidEncoding"),
        (_with_count(encoded, 2), 10_000, 10, "InvalidEncoding"),
        (_with_count(encoded, BLOCK_MESSAGES_MAX), 10_000, BLOCK_MESSAGES_MAX, "InvalidEncoding"),
        (_with_count(encoded, 2**32 - 1), 10_000, BLOCK_MESSAGES_MAX, "BlockTooLarge"),
        (_with_count(encoded, 11), 10_000, 10, "BlockTooLarge"),
        (encoded, len(encoded) - 1, 10, "BlockTooLarge"),
        (encoded, len(encoded), 2, "BlockTooLarge"),
    ):
        yield {
            "kind": "refused",
            "block_bytes_max": bytes_max,
            "block_messages_max": messages_max,
            "encoding": wrong.hex(),
            "rule": rule,
        }


def proofs() -> Iterable[dict]:
    tip = sha256(b"tip")
    for below, in_tail, tip_bits in (
        (520 * 2**20, 480 * 2**20, PLEXUS.limit_bits),
        (10_000_000_000, 123_456_789, 0x1D00FFFF),
        (2**128 - 2, 2**127, 0x01010000),
        (2**100 + 1, 2**98 - 1, 0x207FFFFF),
        (7 * 2**60 + 5, 3 * 2**58 + 1, 0x1C123456),
    ):
        if below + in_tail < 2**128:
            yield {
                "kind": "points",
                "tip": tip.hex(),
                "below": str(below),
                "in_tail": str(in_tail),
                "tip_bits": pow.bits_text(tip_bits),
                "points": [str(point) for point in proof.points(below, in_tail, tip_bits, tip)],
            }
    small = {}
    for network, height in ((GARDEN, 0), (GARDEN, 1), (GARDEN, 9), (MEADOW, 1_029)):
        prover = prover_of(network, height)
        encoded = prover.prove()
        proven = proof.verify(network, encoded)
        small[height] = encoded
        yield {
            "kind": "proof",
            "network": network.to_json(),
            "height": str(height),
            "proof": encoded.hex(),
            "tip": proven.header.hash.hex(),
            "total_work": str(proven.total_work),
            "history_root": proven.history.root().hex(),
        }
    good = small[9]
    for wrong in (
        b"",
        good[:-1],
        good + b"\0",
        # The layout of version 1, and one that does not exist yet.
        good[:6] + b"\0\1" + good[8:],
        good[:6] + b"\0\3" + good[8:],
        *(_with_flip(good, at) for at in (0, 32, 71, 87, 103, 107, 108, 140, 141, len(good) - 1)),
        good[:64] + u64(8) + good[72:],
        good[:64] + u64(2**62) + good[72:],
        # An extra of 1 in more bytes than it needs.
        good[:140] + b"\x81\0" + good[141:],
    ):
        yield {"kind": "refused", "network": GARDEN.to_json(), "proof": wrong.hex()}
    for network, forged in ((MEADOW, forgery.proofs(MEADOW)), (LEVEL, forgery.constant(LEVEL))):
        for wrong in forged.values():
            yield {"kind": "refused", "network": network.to_json(), "proof": wrong.hex()}


def _with_flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def receipts() -> Iterable[dict]:
    made = [
        receipt_of(GARDEN, 1, 1, 1, 0),
        receipt_of(GARDEN, 3, 2, 3, 1),
        receipt_of(GARDEN, 4, 4, 1, 0),
        receipt_of(MEADOW, 45, 41, 6, 4),
    ]
    for shown in made:
        verified = receipt.verify(shown)
        yield {
            "kind": "receipt",
            "receipt": shown.encode().hex(),
            "form": shown.to_json(),
            "network_id": shown.network.id.hex(),
            "id": verified.id.hex(),
            "block": shown.header.hash.hex(),
            "height": str(shown.header.height),
            "history_root": verified.history_root.hex(),
            "tip": verified.proven.header.hash.hex(),
            "blocks": str(verified.blocks),
            "work": str(verified.work),
            "total_work": str(verified.proven.total_work),
        }
    shown = made[1]
    good = shown.encode()
    other = receipt_of(GARDEN, 3, 2, 3, 0)
    for wrong in (
        b"",
        good[:-1],
        good + b"\0",
        # The layout of version 1, and one that does not exist yet.
        good[:6] + b"\0\1" + good[8:],
        good[:6] + b"\0\3" + good[8:],
        *(_with_flip(good, at) for at in range(0, len(good), 61)),
        replace(shown, index=0).encode(),
        replace(shown, index=3).encode(),
        replace(shown, count=5, siblings=[*shown.siblings, bytes(32)]).encode(),
        replace(shown, count=4097).encode(),
        replace(shown, message=other.message).encode(),
        replace(shown, path=shown.path[:-1]).encode(),
        replace(shown, path=shown.path * 32).encode(),
        replace(shown, chain=made[0].chain).encode(),
        replace(shown, network=DEV).encode(),
        # Another author and signature, to which the header does not commit.
        replace(shown, author=key.public_of(BOB)).encode(),
        replace(shown, signature=_high_s(shown.signature)).encode(),
        # A mined block whose author signed a different digest.
        receipt_of(GARDEN, 3, 2, 3, 1, signed=False).encode(),
        receipt_of(GARDEN, 3, 2, 3, 1, late=MESSAGE_BEFORE_MAX_MS + 1).encode(),
        # A chain in which invented headers raised the difficulty of the block.
        forgery.receipt_of(MEADOW, CAROL).encode(),
        # Blocks and siblings below a node of a valid chain proof that keeps the rules.
        *(forged.encode() for forged in forgery.paths(MEADOW, CAROL).values()),
    ):
        yield {"kind": "refused", "receipt": wrong.hex()}
    form = shown.to_json()
    message, block = form["message"], form["block"]
    for change in (
        {"version": 1},
        {"version": 3},
        {"index": 0},
        {"more": 1},
        {"chain": form["chain"].upper()},
        {"chain": form["chain"] + "00"},
        {"siblings": []},
        {"path": form["path"][:1]},
        {"message": message | {"stamp": "0" + message["stamp"]}},
        {"message": message | {"text": message["text"] + " "}},
        {"message": message | {"text": ""}},
        {"message": message | {"time_unix_ms": str(message["time_unix_ms"])}},
        {"block": block | {"nonce": "+" + block["nonce"]}},
        {"block": block | {"extra": str(2**64)}},
        {"block": block | {"bits": block["bits"].replace("0x", "0X")}},
        {"block": block | {"author": block["author"].upper()}},
        {"network": form["network"] | {"name": "gardens"}},
    ):
        yield {"kind": "form", "form": form | change}


def receipt_of(
    network: Network, height: int, at: int, count: int, index: int, *, signed: bool = True, late: int = 0
) -> receipt.Receipt:
    """Returns the proof file of a message in the block at a height of a chain without other known bodies."""
    prover, block = prover_with(network, height, at, count, signed, late)
    leaves = [merkle.leaf(message.encode()) for message in block.messages]
    return receipt.Receipt(
        network,
        block.messages[index],
        index,
        count,
        merkle.path(leaves, index),
        block.header,
        block.extra,
        block.author,
        block.signature,
        prover.path(at),
        prover.prove(),
    )


def prover_of(network: Network, height: int) -> proof.Prover:
    """Returns a chain of headers without known bodies."""
    return prover_with(network, height)[0]


def prover_with(
    network: Network, height: int, at: int = 0, count: int = 0, signed: bool = True, late: int = 0
) -> tuple[proof.Prover, Block | None]:
    """Returns such a chain and its one block with messages, which are `late` ms too old."""
    made = None
    prover, history = proof.Prover(network), MountainRange()
    history.append(prover.leaves[0])
    for number in range(1, height + 1):
        before = prover.blocks[-1][0]
        time = before.time + (3_000 if number < 16 else 9_000 + 12_000 * (number % 2)) + number % 7
        body_root, extra = sha256(b"body %d" % number), number % 300
        content_root = tagged_hash("plexus/content", history.root() + body_root + u64(extra))
        bits = network.next_bits(before, time)
        header = Header(before.hash, content_root, VERSION, number, time, bits, 0)
        if number == at:
            notes = _notes(network, time - late, count)
            made = Block(header, extra, key.public_of(CAROL), bytes(64), notes)
            digest = made.author_digest(network.id, history.root() if signed else bytes(32))
            made = replace(made, signature=key.sign(CAROL, digest))
            body_root = made.body_root()
            header = replace(header, content_root=made.content_root(history.root()))
        header = mining.search(header)
        if number == at:
            made = replace(made, header=header)
        prover.append(header, body_root, extra)
        history.append(prover.leaves[-1])
    return prover, made


def rules() -> dict:
    chain, encoded = grow(DEV, 4)
    return {
        "description": "Blocks to be judged as children of the tip of one chain: each rule kept and broken.",
        "network": DEV.to_json(),
        "blocks": [block.hex() for block in encoded],
        "vectors": [
            {"title": title, "now": str(now), "block": block.hex(), "failures": sorted(failures)}
            for title, now, block, failures in candidates(chain, encoded)
        ],
    }


def candidates(chain: Chain, encoded: Sequence[bytes]) -> Iterable[tuple[str, int, bytes, list[str]]]:
    """Yields blocks on the tip of `chain`: a title, the clock, the encoded block, and the rules it breaks."""
    network = chain.network
    time = chain.tip.time + 15_000
    notes = _notes(network, time, 2)

    def mined(**wrong) -> Block:
        return mining.mine(chain, CAROL, **({"time": time, "messages": notes} | wrong))

    def case(title: str, block: Block | bytes, *failures: str, now: int = time):
        return title, now, block if isinstance(block, bytes) else block.encode(), list(failures)

    good = mined()
    unknown = sha256(b"unknown")
    wrong_height = chain.height + 2
    other_bits = pow.compact(pow.expand(network.limit_bits) // 2)

    yield case("nothing wrong", good)
    yield case("no messages", mined(messages=()))
    yield case("another extra", mined(extra=2**64 - 1))
    yield case("parent unknown", mined(prev_hash=unknown), "PreviousHashBlockError")
    yield case(
        "parent unknown and far above",
        mined(prev_hash=unknown, height=wrong_height),
        "PreviousHashBlockError",
        "MissedBlock",
    )
    yield case("height too large", mined(height=wrong_height), "BlockNumber")
    yield case("height of the parent", mined(height=chain.height), "BlockNumber")
    yield case("version 0", mined(version=0), "InvalidVersion")
    yield case("version 1, of another protocol", mined(version=1), "InvalidVersion")
    yield case("version 3", mined(version=3), "InvalidVersion")
    tip_time = chain.tip.time
    early_notes = _notes(network, tip_time + 2, 2)
    yield case("time just after the parent's", mined(time=tip_time + 1, messages=early_notes))
    yield case("time of the parent", mined(time=tip_time, messages=early_notes), "TimeNotAfterParent")
    yield case("as far ahead of the clock as allowed", good, now=time - 60_000)
    yield case("too far ahead of the clock", good, "TimeTooFarAhead", now=time - 60_001)
    yield case("harder than asked for", mined(bits=other_bits), "InvalidBits")
    yield case("easier than the limit", mined(bits=0x207FFFFF), "InvalidBits")
    yield case("bits that are not canonical", mined(bits=0x21000100), "InvalidBits")
    weak = replace(good, header=mining.search(good.header, meeting=False))
    yield case("hash above the target", weak, "InvalidBlockHash")
    yield case("content root of nothing", mined(content_root=unknown), "InvalidContentRoot")
    yield case("extra changed after mining", replace(good, extra=1), "InvalidContentRoot")
    yield case(
        "messages swapped after mining",
        replace(good, messages=good.messages[::-1]),
        "InvalidContentRoot",
        "InvalidSignature",
    )
    yield case("signed by another", mined(author=key.public_of(BOB)), "InvalidSignature")
    yield case("author not on the curve", mined(author=_off_curve()), "InvalidSignature")
    yield case("author's s too high", mined(signature=_high_s(good.signature)), "InvalidSignature")
    yield case(
        "author's signature over an older history",
        mined(signature=key.sign(CAROL, good.author_digest(network.id, unknown))),
        "InvalidSignature",
    )
    yield case(
        "a sender's text changed", mined(messages=(notes[0], replace(notes[1], text="forged"))), "InvalidSignature"
    )
    yield case("a message of another network", mined(messages=_notes(PLEXUS, time, 1)), "InvalidSignature")
    yield case("a byte left over", good.encode() + b"\0", "InvalidEncoding")
    yield case("a byte missing", good.encode()[:-1], "InvalidEncoding")
    yield case(
        "more messages than allowed", _with_count(good.encode(), network.block_messages_max + 1), "BlockTooLarge"
    )
    for title, message_time, failures in (
        ("the oldest message allowed", time - MESSAGE_BEFORE_MAX_MS, []),
        ("a message too old", time - MESSAGE_BEFORE_MAX_MS - 1, ["MessageTimeOutOfRange"]),
        ("the newest message allowed", time + MESSAGE_AHEAD_MAX_MS, []),
        ("a message too new", time + MESSAGE_AHEAD_MAX_MS + 1, ["MessageTimeOutOfRange"]),
    ):
        yield case(title, mined(messages=_notes(network, message_time, 1)), *failures)
    yield case("a message twice", mined(messages=(notes[0], notes[0])), "DuplicateMessage")
    yield case(
        "a message twice, with another stamp",
        mined(messages=(notes[0], replace(notes[0], stamp=9))),
        "DuplicateMessage",
    )
    known = Block.decode(encoded[-1], network.block_bytes_max, network.block_messages_max).messages[:1]
    yield case("a message of an earlier block", mined(messages=known), "DuplicateMessage")
    everything = mined(
        height=wrong_height,
        version=3,
        messages=(notes[0], notes[0]),
        signature=good.signature,
        content_root=unknown,
        bits=other_bits,
    )
    yield case(
        "many rules at once",
        everything,
        "BlockNumber",
        "InvalidVersion",
        "TimeTooFarAhead",
        "InvalidBits",
        "InvalidContentRoot",
        "InvalidSignature",
        "DuplicateMessage",
        now=0,
    )


def chain() -> dict:
    grown, encoded = grow(GARDEN, 12)
    return {
        "description": "A valid chain of a network whose difficulty moves.",
        "network": GARDEN.to_json(),
        "blocks": [block.hex() for block in encoded],
        "tip": grown.tip.hash.hex(),
        "total_work": str(grown.total_work),
    }


def grow(network: Network, height: int) -> tuple[Chain, list[bytes]]:
    """Returns a chain of an easy network and its encoded blocks. The last block has messages."""
    chain = Chain(network)
    encoded = [network.genesis.encode()]
    for number in range(1, height + 1):
        # Blocks come fast at first, so that difficulty rises above the limit, then with long and odd pauses.
        time = chain.tip.time + (1_000 + 137 * number if number < 9 else 40_000 * (number - 8) + 11)
        count = 1 if number == height else number % 4
        block = mining.mine(chain, (ALICE, BOB)[number % 2], time, _notes(network, time, count), extra=number)
        _extend(chain, block)
        encoded.append(block.encode())
    return chain, encoded


def _extend(chain: Chain, block: Block) -> None:
    failures = chain.extend(block.encode(), block.header.time)
    assert not failures, failures


def _notes(network: Network, time: int, count: int) -> tuple[Message, ...]:
    return tuple(
        Message.write(network.id, (BOB, CAROL)[i % 2], f"reader {i}", f"Note {i} of {time} ✓", time, stamp=i)
        for i in range(count)
    )


def _with_count(encoded: bytes, count: int) -> bytes:
    offset = 96 + 8 + 33 + 64
    return encoded[:offset] + count.to_bytes(4, "big") + encoded[offset + 4 :]


def _high_s(signature: bytes) -> bytes:
    s = key.GROUP_ORDER - int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big")


def _off_curve() -> bytes:
    # x = 5 has no y on secp256k1.
    return b"\x02" + (5).to_bytes(32, "big")
