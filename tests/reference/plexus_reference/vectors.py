"""Checks the test-vector files of core/PROTOCOL.md against this implementation.

A file must have exactly the fields that the specification lists. Otherwise a field that is not compared
would look tested.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

from . import block as blocks
from . import key, merkle, pow, proof, receipt
from .block import Block, Header
from .chain import Chain
from .codec import DecodeError
from .export import unique_keys
from .fields import (
    BYTES,
    HASH,
    PUBLIC,
    SECRET,
    SIGNATURE,
    FieldError,
    Schema,
    anything,
    boolean,
    compact_bits,
    decimal,
    hexadecimal,
    integer,
    list_of,
    network,
    read_object,
    text,
)
from .hashing import tagged_hash
from .history import MountainRange, Record
from .message import Message, least_stamp_work
from .network import Network, NetworkError

FILE_BYTES_MAX = 64 * 2**20

# A file of a whole chain does not test the clock rule.
END_OF_TIME = 2**64

# A check yields this for every comparison: the field's name, the value that this implementation
# computes, and the value in the file.
Comparison = tuple[str, object, object]


def check_hash(v: SimpleNamespace) -> Iterator[Comparison]:
    yield "hash", tagged_hash(v.tag, v.input), v.hash


def check_key_derive(v: SimpleNamespace) -> Iterator[Comparison]:
    yield "words", 24, len(v.phrase.split(" "))
    yield "seed", key.seed_of(v.phrase), v.seed
    yield "secret", key.secret_of(v.seed), v.secret
    yield "public", key.public_of(v.secret), v.public


def check_key_sign(v: SimpleNamespace) -> Iterator[Comparison]:
    yield "public", key.public_of(v.secret), v.public
    yield "signature", key.sign(v.secret, v.digest), v.signature
    yield "signature verifies", key.verify(v.public, v.digest, v.signature), True


def check_key_verify(v: SimpleNamespace) -> Iterator[Comparison]:
    yield "valid", key.verify(v.public, v.digest, v.signature), v.valid


def check_network(v: SimpleNamespace) -> Iterator[Comparison]:
    yield "encoding", v.parameters.encode(), v.encoding
    yield "genesis_header", v.parameters.genesis.header.encode(), v.genesis_header
    yield "genesis_block", v.parameters.genesis.encode(), v.genesis_block
    yield "network_id", v.parameters.id, v.network_id


def check_network_refused(v: SimpleNamespace) -> Iterator[Comparison]:
    try:
        Network.from_json(v.parameters)
    except NetworkError:
        return
    yield "parameters", "refused", "accepted"


def check_target_bits(v: SimpleNamespace) -> Iterator[Comparison]:
    target = pow.expand(v.bits)
    yield "target", target.to_bytes(32, "big"), v.target
    yield "work", pow.work(target), v.work


def check_target_refused(v: SimpleNamespace) -> Iterator[Comparison]:
    try:
        pow.expand(v.bits)
    except pow.BitsError:
        return
    yield "bits", "refused", "accepted"


def check_target_compact(v: SimpleNamespace) -> Iterator[Comparison]:
    yield "bits", pow.bits_text(pow.compact(int.from_bytes(v.target, "big"))), pow.bits_text(v.bits)


def check_target_next(v: SimpleNamespace) -> Iterator[Comparison]:
    bits = pow.next_bits(
        spacing_ms=v.spacing_ms,
        half_life_ms=v.half_life_ms,
        limit_bits=v.limit_bits,
        height=v.height,
        parent_bits=v.parent_bits,
        parent_time=v.parent_time,
        time=v.time,
    )
    yield "bits", pow.bits_text(bits), pow.bits_text(v.bits)


def check_header(v: SimpleNamespace) -> Iterator[Comparison]:
    header = Header(v.prev_hash, v.content_root, v.version, v.height, v.time, v.bits, v.nonce)
    yield "encoding", header.encode(), v.encoding
    yield "hash", header.hash, v.hash
    yield "meets_target", header.meets_target(), v.meets_target


def check_message(v: SimpleNamespace) -> Iterator[Comparison]:
    message = Message.write(v.network_id, v.secret, v.recipient, v.text, v.time, v.stamp)
    yield "sender", message.sender, v.sender
    yield "id", message.id(v.network_id), v.id
    yield "signature", message.signature, v.signature
    yield "encoding", message.encode(), v.encoding
    yield "decoded", message, Message.decode(v.encoding)
    yield "signature fault", message.signature_fault(v.network_id), None
    yield "stamp_hash", message.stamp_hash(v.network_id), v.stamp_hash
    yield "stamp_work", message.stamp_work(v.network_id), v.stamp_work
    yield "stamp_level", message.stamp_level(v.network_id), v.stamp_level
    yield "price", message.price(v.network_id), v.price
    yield "text_form", message.text_form(), v.text_form


def check_least_stamp(v: SimpleNamespace) -> Iterator[Comparison]:
    yield "work", least_stamp_work(pow.work(pow.expand(v.limit_bits)), v.size), v.work


def check_message_refused(v: SimpleNamespace) -> Iterator[Comparison]:
    try:
        message = Message.decode(v.encoding)
    except DecodeError as error:
        rule = error.rule
    else:
        rule = "InvalidSignature" if message.signature_fault(v.network_id) else "none"
    yield "rule", rule, v.rule


def check_merkle(v: SimpleNamespace) -> Iterator[Comparison]:
    leaves = [merkle.leaf(entry) for entry in v.entries]
    yield "leaves", leaves, v.leaves
    yield "root", merkle.root(leaves), v.root


def check_history(v: SimpleNamespace) -> Iterator[Comparison]:
    mountains = MountainRange()
    for leaf in v.leaves:
        mountains.append(Record.decode(leaf))
    bagged = mountains.bagged()
    yield "peaks", [peak.encode() for peak in mountains.peaks], v.peaks
    yield "bagged", bagged.encode() if bagged else b"", v.bagged
    yield "root", mountains.root(), v.root


def check_block(v: SimpleNamespace) -> Iterator[Comparison]:
    block = Block.decode(v.encoding, len(v.encoding), len(v.messages))
    yield "encoding", block.encode(), v.encoding
    yield "header", block.header.encode(), v.header
    yield "hash", block.header.hash, v.hash
    yield "extra", block.extra, v.extra
    yield "author", block.author, v.author
    yield "signature", block.signature, v.signature
    yield "messages", [message.encode() for message in block.messages], v.messages
    yield "messages_root", block.messages_root, v.messages_root
    yield "author_digest", block.author_digest(v.network_id, v.history_root), v.author_digest
    yield "body_root", block.body_root(), v.body_root
    yield "content_root", block.content_root(v.history_root), v.content_root
    yield "content_root in header", block.header.content_root, v.content_root
    yield "author's signature fault", key.signature_fault(block.author, v.author_digest, block.signature), None


def check_block_refused(v: SimpleNamespace) -> Iterator[Comparison]:
    try:
        Block.decode(v.encoding, v.block_bytes_max, v.block_messages_max)
    except DecodeError as error:
        yield "rule", error.rule, v.rule
    else:
        yield "rule", "none", v.rule


def check_chain(v: SimpleNamespace) -> Iterator[Comparison]:
    chain = yield from _replay(v)
    yield "tip", chain.tip.hash, v.tip
    yield "total_work", chain.total_work, v.total_work


def check_rules(v: SimpleNamespace) -> Iterator[Comparison]:
    chain = yield from _replay(v)
    for candidate in v.vectors:
        try:
            block = Block.decode(candidate.block, v.network.block_bytes_max, v.network.block_messages_max)
            names = {failure.rule for failure in chain.judge(block, candidate.now)}
        except DecodeError as error:
            names = {error.rule}
        yield f"failures of “{candidate.title}”", sorted(names), candidate.failures


def _replay(v: SimpleNamespace) -> Iterator[Comparison]:
    chain = Chain(v.network)
    yield "genesis", v.network.genesis.encode(), v.blocks[0] if v.blocks else b""
    for height, encoded in enumerate(v.blocks[1:], start=1):
        failures = chain.extend(encoded, END_OF_TIME)
        yield f"failures at height {height}", [], [str(failure) for failure in failures]
    return chain


def check_proof(v: SimpleNamespace) -> Iterator[Comparison]:
    proven = proof.verify(v.network, v.proof)
    yield "height", proven.header.height, v.height
    yield "tip", proven.header.hash, v.tip
    yield "total_work", proven.total_work, v.total_work
    yield "history_root", proven.history.root(), v.history_root


def check_proof_points(v: SimpleNamespace) -> Iterator[Comparison]:
    yield "points", proof.points(v.below, v.in_tail, v.tip_bits, v.tip), v.points


def check_proof_refused(v: SimpleNamespace) -> Iterator[Comparison]:
    try:
        proof.verify(v.network, v.proof)
    except (proof.ProofError, DecodeError):
        return
    yield "proof", "refused", "accepted"


def check_receipt(v: SimpleNamespace) -> Iterator[Comparison]:
    shown = receipt.Receipt.decode(v.receipt)
    yield "receipt", shown.encode(), v.receipt
    yield "form", shown.to_json(), v.form
    yield "form is read", receipt.Receipt.from_json(v.form), shown
    verified = receipt.verify(shown)
    yield "network_id", shown.network.id, v.network_id
    yield "id", verified.id, v.id
    yield "block", shown.header.hash, v.block
    yield "height", shown.header.height, v.height
    yield "history_root", verified.history_root, v.history_root
    yield "tip", verified.proven.header.hash, v.tip
    yield "blocks", verified.blocks, v.blocks
    yield "work", verified.work, v.work
    yield "total_work", verified.proven.total_work, v.total_work


def check_receipt_refused(v: SimpleNamespace) -> Iterator[Comparison]:
    try:
        receipt.verify(receipt.Receipt.decode(v.receipt))
    except receipt.INVALID:
        return
    yield "receipt", "refused", "accepted"


def check_receipt_form(v: SimpleNamespace) -> Iterator[Comparison]:
    try:
        receipt.verify(receipt.Receipt.from_json(v.form))
    except receipt.INVALID:
        return
    yield "form", "refused", "accepted"


JUDGED: Schema = {"title": text, "now": decimal, "block": BYTES, "failures": list_of(text)}

# Files whose vectors are all alike have only the kind None.
LIST_FILES: dict[str, dict[str | None, tuple[Schema, Callable]]] = {
    "hash.json": {None: ({"tag": text, "input": BYTES, "hash": HASH}, check_hash)},
    "key.json": {
        "derive": (
            {"phrase": text, "seed": hexadecimal(64), "secret": SECRET, "public": PUBLIC},
            check_key_derive,
        ),
        "sign": ({"secret": SECRET, "public": PUBLIC, "digest": HASH, "signature": SIGNATURE}, check_key_sign),
        "verify": ({"public": PUBLIC, "digest": HASH, "signature": SIGNATURE, "valid": boolean}, check_key_verify),
    },
    "network.json": {
        "network": (
            {
                "parameters": network,
                "encoding": BYTES,
                "genesis_header": hexadecimal(blocks.HEADER_BYTES),
                "genesis_block": hexadecimal(blocks.EMPTY_BLOCK_BYTES),
                "network_id": HASH,
            },
            check_network,
        ),
        "refused": ({"parameters": anything}, check_network_refused),
    },
    "target.json": {
        "bits": ({"bits": compact_bits, "target": HASH, "work": decimal}, check_target_bits),
        "refused": ({"bits": compact_bits}, check_target_refused),
        "compact": ({"target": HASH, "bits": compact_bits}, check_target_compact),
        "next": (
            {
                "spacing_ms": decimal,
                "half_life_ms": decimal,
                "limit_bits": compact_bits,
                "height": decimal,
                "parent_bits": compact_bits,
                "parent_time": decimal,
                "time": decimal,
                "bits": compact_bits,
            },
            check_target_next,
        ),
    },
    "header.json": {
        None: (
            {
                "prev_hash": HASH,
                "content_root": HASH,
                "version": integer,
                "height": decimal,
                "time": decimal,
                "bits": compact_bits,
                "nonce": decimal,
                "encoding": hexadecimal(blocks.HEADER_BYTES),
                "hash": HASH,
                "meets_target": boolean,
            },
            check_header,
        )
    },
    "message.json": {
        "message": (
            {
                "network_id": HASH,
                "secret": SECRET,
                "sender": PUBLIC,
                "time": decimal,
                "recipient": text,
                "text": text,
                "stamp": decimal,
                "id": HASH,
                "signature": SIGNATURE,
                "encoding": BYTES,
                "stamp_hash": HASH,
                "stamp_work": decimal,
                "stamp_level": integer,
                "price": decimal,
                "text_form": text,
            },
            check_message,
        ),
        "refused": ({"network_id": HASH, "encoding": BYTES, "rule": text}, check_message_refused),
        "least_stamp": ({"limit_bits": compact_bits, "size": integer, "work": decimal}, check_least_stamp),
    },
    "merkle.json": {None: ({"entries": list_of(BYTES), "leaves": list_of(HASH), "root": HASH}, check_merkle)},
    "history.json": {
        None: (
            {
                "leaves": list_of(hexadecimal(60)),
                "peaks": list_of(hexadecimal(60)),
                "bagged": BYTES,
                "root": HASH,
            },
            check_history,
        )
    },
    "block.json": {
        "block": (
            {
                "network_id": HASH,
                "history_root": HASH,
                "header": hexadecimal(blocks.HEADER_BYTES),
                "extra": decimal,
                "author": PUBLIC,
                "signature": SIGNATURE,
                "messages": list_of(BYTES),
                "encoding": BYTES,
                "hash": HASH,
                "messages_root": HASH,
                "author_digest": HASH,
                "body_root": HASH,
                "content_root": HASH,
            },
            check_block,
        ),
        "refused": (
            {"block_bytes_max": integer, "block_messages_max": integer, "encoding": BYTES, "rule": text},
            check_block_refused,
        ),
    },
    "proof.json": {
        "points": (
            {"tip": HASH, "below": decimal, "in_tail": decimal, "tip_bits": compact_bits, "points": list_of(decimal)},
            check_proof_points,
        ),
        "proof": (
            {
                "network": network,
                "height": decimal,
                "proof": BYTES,
                "tip": HASH,
                "total_work": decimal,
                "history_root": HASH,
            },
            check_proof,
        ),
        "refused": ({"network": network, "proof": BYTES}, check_proof_refused),
    },
    "receipt.json": {
        "receipt": (
            {
                "receipt": BYTES,
                "form": anything,
                "network_id": HASH,
                "id": HASH,
                "block": HASH,
                "height": decimal,
                "history_root": HASH,
                "tip": HASH,
                "blocks": decimal,
                "work": decimal,
                "total_work": decimal,
            },
            check_receipt,
        ),
        "refused": ({"receipt": BYTES}, check_receipt_refused),
        "form": ({"form": anything}, check_receipt_form),
    },
}

WHOLE_FILES: dict[str, tuple[Schema, Callable]] = {
    "rules.json": (
        {
            "description": text,
            "network": network,
            "blocks": list_of(BYTES),
            "vectors": list_of(lambda value: read_object(value, JUDGED)),
        },
        check_rules,
    ),
    "chain.json": (
        {"description": text, "network": network, "blocks": list_of(BYTES), "tip": HASH, "total_work": decimal},
        check_chain,
    ),
}

FILES = sorted([*LIST_FILES, *WHOLE_FILES])


def check_file(path: Path) -> tuple[int, list[str]]:
    """Returns the number of compared values, and one line for each error."""
    with path.open("rb") as stream:
        data = stream.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        return 0, [f"the file is larger than {FILE_BYTES_MAX} bytes"]
    try:
        document = json.loads(data, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        return 0, [f"not JSON: {error}"]
    return check_document(path.name, document)


def check_document(name: str, document: object) -> tuple[int, list[str]]:
    """Checks a parsed file, like check_file."""
    if name in WHOLE_FILES:
        schema, check = WHOLE_FILES[name]
        return _check_object("", document, schema, check)
    if name not in LIST_FILES:
        return 0, ["not a file of the specification"]
    try:
        items = read_object(document, {"description": text, "vectors": list_of(anything)}).vectors
    except FieldError as error:
        return 0, [str(error)]
    kinds = LIST_FILES[name]
    compared, wrong = 0, []
    for index, item in enumerate(items):
        place = f"vectors[{index}]: "
        kind = item.get("kind") if isinstance(item, dict) and None not in kinds else None
        if not isinstance(kind, str | None) or kind not in kinds:
            wrong.append(f"{place}kind has to be one of {', '.join(kinds)}")
            continue
        schema, check = kinds[kind]
        whole_schema = schema if kind is None else schema | {"kind": text}
        counted, lines = _check_object(place, item, whole_schema, check)
        compared += counted
        wrong += lines
    missing = [kind for kind in kinds if kind and all(item.get("kind") != kind for item in items)] if not wrong else []
    if not items or missing:
        wrong.append(f"no vectors of kind {', '.join(missing)}" if missing else "no vectors")
    return compared, wrong


def _check_object(place: str, value: object, schema: Schema, check: Callable) -> tuple[int, list[str]]:
    compared, wrong = 0, []
    try:
        for field, computed, stated in check(read_object(value, schema)):
            compared += 1
            if computed != stated:
                wrong.append(f"{place}{field}: expected {_show(computed)}, found {_show(stated)}")
    except (*receipt.INVALID, pow.BitsError, key.BadKeyError, OverflowError) as error:
        wrong.append(f"{place}{error}")
    # A vector of a refusal yields nothing if it is refused, and still counts.
    return max(compared, 1), wrong


def _show(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return "[" + ", ".join(map(_show, value)) + "]"
    return str(value)
