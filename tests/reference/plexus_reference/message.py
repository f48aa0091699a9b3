"""A signed message."""

from dataclasses import dataclass

from . import key
from .codec import DecodeError, Reader, u16, u64
from .hashing import tagged_hash
from .pow import work

RECIPIENT_BYTES_MAX = 128
TEXT_BYTES_MIN = 1
TEXT_BYTES_MAX = 4096
LEAST_BASE_MAX = 2**16
U128_MAX = 2**128 - 1
MESSAGE_BYTES_MIN = 33 + 8 + 2 + 2 + TEXT_BYTES_MIN + 8 + 64


@dataclass(frozen=True)
class Message:
    """The fields of a message. Only `decode` and `write` guarantee that they keep to their limits."""

    sender: bytes
    time: int
    recipient: str
    text: str
    stamp: int
    signature: bytes

    @classmethod
    def write(cls, network_id: bytes, secret: bytes, recipient: str, text: str, time: int, stamp: int = 0) -> "Message":
        """Signs a new message."""
        unsigned = cls(key.public_of(secret), time, recipient, text, stamp, bytes(64))
        return cls(unsigned.sender, time, recipient, text, stamp, key.sign(secret, unsigned.id(network_id)))

    @classmethod
    def read(cls, reader: Reader) -> "Message":
        """Takes one message off a reader. Raises DecodeError."""
        sender = reader.take(key.PUBLIC_KEY_SIZE, "sender")
        time = reader.take_int(8, "message time")
        recipient = _take_text(reader, "recipient", 0, RECIPIENT_BYTES_MAX)
        text = _take_text(reader, "text", TEXT_BYTES_MIN, TEXT_BYTES_MAX)
        stamp = reader.take_int(8, "stamp")
        signature = reader.take(key.SIGNATURE_SIZE, "message signature")
        return cls(sender, time, recipient, text, stamp, signature)

    @classmethod
    def decode(cls, data: bytes) -> "Message":
        """Reads a message that fills `data`. Raises DecodeError."""
        reader = Reader(data)
        message = cls.read(reader)
        reader.finish()
        return message

    def encode(self) -> bytes:
        return self._signed_fields() + u64(self.stamp) + self.signature

    def id(self, network_id: bytes) -> bytes:
        return tagged_hash("plexus/message", network_id + self._signed_fields())

    def signature_fault(self, network_id: bytes) -> str | None:
        return key.signature_fault(self.sender, self.id(network_id), self.signature)

    def stamp_hash(self, network_id: bytes) -> bytes:
        return tagged_hash("plexus/stamp", self.id(network_id) + u64(self.stamp))

    def stamp_work(self, network_id: bytes) -> int:
        return work(int.from_bytes(self.stamp_hash(network_id), "big"))

    def stamp_level(self, network_id: bytes) -> int:
        """The logarithm at which `have` announces the message."""
        return max(self.stamp_work(network_id), 1).bit_length() - 1

    def price(self, network_id: bytes) -> int:
        """Stamp work per 1,024 bytes, by which nodes rank messages."""
        return min(self.stamp_work(network_id) * 1024, U128_MAX) // len(self.encode())

    def text_form(self) -> str:
        return f"From {self.sender.hex()} to {self.recipient}, {self.text}"

    def _signed_fields(self) -> bytes:
        recipient, text = self.recipient.encode(), self.text.encode()
        return self.sender + u64(self.time) + u16(len(recipient)) + recipient + u16(len(text)) + text


def least_stamp_work(limit_work: int, size: int) -> int:
    """The work below which nodes take no message of this size from others."""
    base = min(limit_work, LEAST_BASE_MAX)
    return base + base * size // 256


def _take_text(reader: Reader, field: str, least: int, most: int) -> str:
    length = reader.take_int(2, f"length of {field}")
    if not least <= length <= most:
        raise DecodeError(f"{least} to {most} bytes of {field}", f"a length of {length}")
    try:
        return reader.take(length, field).decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError(f"UTF-8 in {field}", "other bytes") from None
