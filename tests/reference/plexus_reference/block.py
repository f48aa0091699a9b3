"""Headers and blocks."""

from dataclasses import dataclass
from functools import cached_property

from . import key, merkle, pow
from .codec import DecodeError, Reader, u32, u64
from .hashing import sha256, tagged_hash
from .message import MESSAGE_BYTES_MIN, Message

HEADER_BYTES = 96
# The version of the rules, which every header states.
VERSION = 2
EMPTY_BLOCK_BYTES = HEADER_BYTES + 8 + key.PUBLIC_KEY_SIZE + key.SIGNATURE_SIZE + 4


@dataclass(frozen=True)
class Header:
    """The 96 bytes that are mined."""

    prev_hash: bytes
    content_root: bytes
    version: int
    height: int
    time: int
    bits: int
    nonce: int

    @classmethod
    def read(cls, reader: Reader) -> "Header":
        """Takes a header off a reader. Raises DecodeError."""
        return cls(
            reader.take(32, "prev_hash"),
            reader.take(32, "content_root"),
            reader.take_int(4, "version"),
            reader.take_int(8, "height"),
            reader.take_int(8, "time"),
            reader.take_int(4, "bits"),
            reader.take_int(8, "nonce"),
        )

    def encode(self) -> bytes:
        return (
            self.prev_hash
            + self.content_root
            + u32(self.version)
            + u64(self.height)
            + u64(self.time)
            + u32(self.bits)
            + u64(self.nonce)
        )

    @cached_property
    def hash(self) -> bytes:
        return sha256(self.encode())

    def meets_target(self) -> bool:
        """Returns true if the hash is at most the header's own target. Returns false without a target."""
        try:
            return pow.meets(self.hash, self.bits)
        except pow.BitsError:
            return False


@dataclass(frozen=True)
class Block:
    """A header and the content that it commits to."""

    header: Header
    extra: int
    author: bytes
    signature: bytes
    messages: tuple[Message, ...]

    @classmethod
    def decode(cls, data: bytes, block_bytes_max: int, block_messages_max: int) -> "Block":
        """Reads a block that fills `data`. Raises DecodeError, with rule BlockTooLarge above a cap."""
        if len(data) > block_bytes_max:
            raise DecodeError(f"at most {block_bytes_max} bytes", f"{len(data)} bytes", "BlockTooLarge")
        reader = Reader(data)
        header = Header.read(reader)
        extra = reader.take_int(8, "extra")
        author = reader.take(key.PUBLIC_KEY_SIZE, "author")
        signature = reader.take(key.SIGNATURE_SIZE, "signature")
        count = reader.take_int(4, "count")
        if count > block_messages_max:
            raise DecodeError(f"at most {block_messages_max} messages", f"{count} messages", "BlockTooLarge")
        if count * MESSAGE_BYTES_MIN > reader.remaining:
            raise DecodeError(f"{count} messages", f"{reader.remaining} bytes for them")
        messages = tuple(Message.read(reader) for _ in range(count))
        reader.finish()
        return cls(header, extra, author, signature, messages)

    def encode(self) -> bytes:
        return (
            self.header.encode()
            + u64(self.extra)
            + self.author
            + self.signature
            + u32(len(self.messages))
            + b"".join(message.encode() for message in self.messages)
        )

    @cached_property
    def messages_root(self) -> bytes:
        return merkle.root([merkle.leaf(message.encode()) for message in self.messages])

    def body_root(self) -> bytes:
        body = self.author + self.signature + u32(len(self.messages)) + self.messages_root
        return tagged_hash("plexus/body", body)

    def content_root(self, history_root: bytes) -> bytes:
        return tagged_hash("plexus/content", history_root + self.body_root() + u64(self.extra))

    def author_digest(self, network_id: bytes, history_root: bytes) -> bytes:
        return author_digest(network_id, self.header.prev_hash, self.header.height, history_root, self.messages_root)


def author_digest(network_id: bytes, prev_hash: bytes, height: int, history_root: bytes, messages_root: bytes) -> bytes:
    """Returns the digest that the author of a block signs."""
    return tagged_hash("plexus/block", network_id + prev_hash + u64(height) + history_root + messages_root)
