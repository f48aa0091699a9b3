"""Proof files: a message, its block, and the chain that the block is in."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from . import history, key, merkle, pow, proof
from .block import VERSION as HEADER_VERSION
from .block import Header, author_digest
from .chain import MESSAGE_AHEAD_MAX_MS, MESSAGE_BEFORE_MAX_MS
from .codec import U64_MAX, U128_MAX, DecodeError, Reader, u8, u16, u32, u64
from .export import unique_keys
from .fields import (
    BYTES,
    HASH,
    PUBLIC,
    SIGNATURE,
    FieldError,
    Schema,
    compact_bits,
    decimal,
    integer,
    list_of,
    network,
    read_object,
    text,
)
from .hashing import tagged_hash
from .history import Record
from .message import Message
from .network import Network, NetworkError
from .proof import PROOF_BYTES_MAX, Proven, ProofError

MAGIC = b"plexus"
VERSION = 2
COUNT_MAX = 4096
PATH_MAX = 62
RECEIPT_BYTES_MAX = PROOF_BYTES_MAX + 16 * 1024
FORM_BYTES_MAX = 2 * RECEIPT_BYTES_MAX + 64 * 1024

SEAL = re.compile(r"\bsha256:([0-9a-f]{64})\b", re.ASCII)


class ReceiptError(Exception):
    """An invalid proof file."""


# All errors that reading and verifying raise if a file is invalid.
INVALID = (ReceiptError, ProofError, DecodeError, FieldError, NetworkError)


def _number(most: int, read: Callable[[object], int]) -> Callable[[object], int]:
    def within(value: object) -> int:
        if (number := read(value)) > most:
            raise FieldError(f"has to be at most {most}")
        return number

    return within


U16, U32 = _number(2**16 - 1, integer), _number(2**32 - 1, integer)
TIME, DECIMAL_64, DECIMAL_128 = _number(U64_MAX, integer), _number(U64_MAX, decimal), _number(U128_MAX, decimal)

MESSAGE: Schema = {
    "sender": PUBLIC,
    "recipient": text,
    "text": text,
    "time_unix_ms": TIME,
    "stamp": DECIMAL_64,
    "signature": SIGNATURE,
}
BLOCK: Schema = {
    "prev_hash": HASH,
    "content_root": HASH,
    "version": U32,
    "number_of_block": TIME,
    "time_unix_ms": TIME,
    "bits": compact_bits,
    "nonce": DECIMAL_64,
    "extra": DECIMAL_64,
    "author": PUBLIC,
    "signature": SIGNATURE,
}
RECORD: Schema = {"hash": HASH, "work": DECIMAL_128, "time_unix_ms": TIME, "bits": compact_bits}
FORM: Schema = {
    "version": U32,
    "network": network,
    "message": lambda value: read_object(value, MESSAGE),
    "index": U16,
    "count": U16,
    "siblings": list_of(HASH),
    "block": lambda value: read_object(value, BLOCK),
    "path": list_of(lambda value: read_object(value, RECORD)),
    "chain": BYTES,
}


@dataclass(frozen=True)
class Receipt:
    """The parts of a proof file. `decode` and `from_json` guarantee its layout only."""

    network: Network
    message: Message
    index: int
    count: int
    siblings: list[bytes]
    header: Header
    extra: int
    author: bytes
    signature: bytes
    path: list[Record]
    chain: bytes

    @classmethod
    def decode(cls, data: bytes) -> "Receipt":
        """Reads the binary form. Raises one of INVALID."""
        if len(data) > RECEIPT_BYTES_MAX:
            raise ReceiptError(f"a file of at most {RECEIPT_BYTES_MAX} bytes")
        reader = Reader(data)
        if reader.take(len(MAGIC), "magic") != MAGIC:
            raise ReceiptError("not a proof file")
        _check_version(reader.take_int(2, "version"))
        parameters = Network.read(reader)
        message = Message.read(reader)
        index, count = reader.take_int(2, "index"), reader.take_int(2, "count")
        siblings = [reader.take(32, "sibling") for _ in range(_siblings_of(index, count))]
        header = Header.read(reader)
        extra = reader.take_int(8, "extra")
        author = reader.take(key.PUBLIC_KEY_SIZE, "author")
        signature = reader.take(key.SIGNATURE_SIZE, "signature")
        path = [Record.decode(reader.take(60, "record")) for _ in range(_check_path(reader.take_int(1, "s")))]
        chain = reader.take(reader.remaining, "chain")
        return cls(parameters, message, index, count, siblings, header, extra, author, signature, path, chain)

    def encode(self) -> bytes:
        return (
            MAGIC
            + u16(VERSION)
            + self.network.encode()
            + self.message.encode()
            + u16(self.index)
            + u16(self.count)
            + b"".join(self.siblings)
            + self.header.encode()
            + u64(self.extra)
            + self.author
            + self.signature
            + u8(len(self.path))
            + b"".join(record.encode() for record in self.path)
            + self.chain
        )

    @classmethod
    def from_json(cls, form: object) -> "Receipt":
        """Reads the JSON form, already parsed. Raises one of INVALID."""
        v = read_object(form, FORM)
        _check_version(v.version)
        if len(v.siblings) != _siblings_of(v.index, v.count):
            raise ReceiptError("more or fewer siblings than the place demands")
        _check_path(len(v.path))
        m, b = v.message, v.block
        # The caps of a message's layout are checked when it is read from its bytes.
        try:
            unread = Message(m.sender, m.time_unix_ms, m.recipient, m.text, m.stamp, m.signature).encode()
        except OverflowError:
            raise ReceiptError("a text of over 64 KiB") from None
        header = Header(
            b.prev_hash, b.content_root, b.version, b.number_of_block, b.time_unix_ms, b.bits, b.nonce
        )
        path = [Record(r.hash, r.work, r.time_unix_ms, r.bits) for r in v.path]
        return cls(
            v.network,
            Message.decode(unread),
            v.index,
            v.count,
            v.siblings,
            header,
            b.extra,
            b.author,
            b.signature,
            path,
            v.chain,
        )

    def to_json(self) -> dict:
        m, h = self.message, self.header
        return {
            "version": VERSION,
            "network": self.network.to_json(),
            "message": {
                "sender": m.sender.hex(),
                "recipient": m.recipient,
                "text": m.text,
                "time_unix_ms": m.time,
                "stamp": str(m.stamp),
                "signature": m.signature.hex(),
            },
            "index": self.index,
            "count": self.count,
            "siblings": [sibling.hex() for sibling in self.siblings],
            "block": {
                "prev_hash": h.prev_hash.hex(),
                "content_root": h.content_root.hex(),
                "version": h.version,
                "number_of_block": h.height,
                "time_unix_ms": h.time,
                "bits": pow.bits_text(h.bits),
                "nonce": str(h.nonce),
                "extra": str(self.extra),
                "author": self.author.hex(),
                "signature": self.signature.hex(),
            },
            "path": [
                {"hash": r.hash.hex(), "work": str(r.work), "time_unix_ms": r.time, "bits": pow.bits_text(r.bits)}
                for r in self.path
            ],
            "chain": self.chain.hex(),
        }


def read(data: bytes) -> Receipt:
    """Reads either form. Raises one of INVALID."""
    if data.startswith(MAGIC):
        return Receipt.decode(data)
    if len(data) > FORM_BYTES_MAX:
        raise ReceiptError(f"a file of at most {FORM_BYTES_MAX} bytes")
    try:
        form = json.loads(data.decode(), object_pairs_hook=unique_keys, parse_int=_parse_int)
    except (ValueError, RecursionError):
        raise ReceiptError("not a proof file") from None
    return Receipt.from_json(form)


def _parse_int(digits: str) -> int:
    if digits.startswith("-"):
        raise ValueError
    return int(digits)


@dataclass(frozen=True)
class Verified:
    """The facts that a proof file shows beyond its fields."""

    id: bytes
    # The time of the header below the block's. The block's own time is later.
    parent_time: int
    history_root: bytes
    blocks: int
    work: int
    proven: Proven


def verify(receipt: Receipt) -> Verified:
    """Returns the facts that a proof file shows. Raises one of INVALID."""
    network_id, message, header = receipt.network.id, receipt.message, receipt.header
    if fault := message.signature_fault(network_id):
        raise ReceiptError(f"the message has {fault}")
    earliest = max(header.time - MESSAGE_BEFORE_MAX_MS, 0)
    if not earliest <= message.time <= min(header.time + MESSAGE_AHEAD_MAX_MS, U64_MAX):
        raise ReceiptError("the message's time does not fit the block's")
    if receipt.count > receipt.network.block_messages_max:
        raise ReceiptError("more messages than the network's blocks have")
    if header.version != HEADER_VERSION:
        raise ReceiptError("a header of an unknown version")
    try:
        target = pow.expand(header.bits)
    except pow.BitsError as error:
        raise ReceiptError(str(error)) from None
    if target > pow.expand(receipt.network.limit_bits) or not header.meets_target():
        raise ReceiptError("no proof of work in the block")
    proven = proof.verify(receipt.network, receipt.chain)
    peak = proven.history.peak_over(header.height)
    if peak is None:
        raise ReceiptError("the block is above the tip")
    leaf = Record(header.hash, pow.work(target) if header.height else 0, header.time, header.bits)
    if peak != (len(receipt.path), history.climb(leaf, header.height, receipt.path)):
        raise ReceiptError("the block is not in the chain")
    below = proven.history.below(header.height, receipt.path)
    proof.check_path(receipt.network, below, header, receipt.path)
    history_root = below.root()
    leaf_hash = merkle.leaf(message.encode())
    messages_root = merkle.climb(leaf_hash, receipt.index, receipt.count, receipt.siblings)
    body = receipt.author + receipt.signature + u32(receipt.count) + messages_root
    body_root = tagged_hash("plexus/body", body)
    if header.content_root != tagged_hash("plexus/content", history_root + body_root + u64(receipt.extra)):
        raise ReceiptError("the block has other contents")
    digest = author_digest(network_id, header.prev_hash, header.height, history_root, messages_root)
    if fault := key.signature_fault(receipt.author, digest, receipt.signature):
        raise ReceiptError(f"the block has {fault}")
    blocks = proven.header.height + 1 - header.height
    parent_time, work = below.peaks[-1].time, proven.total_work - below.work
    return Verified(message.id(network_id), parent_time, history_root, blocks, work, proven)


def _check_version(version: int) -> None:
    if version != VERSION:
        raise ReceiptError(f"a proof file of version {version}, where {VERSION} is expected: nothing is converted")


def _siblings_of(index: int, count: int) -> int:
    if count > COUNT_MAX or index >= count:
        raise ReceiptError(f"no block has a message {index} of {count}")
    return merkle.siblings_of(index, count)


def _check_path(length: int) -> int:
    if length > PATH_MAX:
        raise ReceiptError(f"more than {PATH_MAX} records")
    return length
