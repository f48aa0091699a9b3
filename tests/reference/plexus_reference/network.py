"""The parameters of a network, which its genesis header commits to."""

import re
from dataclasses import asdict, dataclass, fields
from functools import cached_property

from . import pow
from .block import EMPTY_BLOCK_BYTES, VERSION, Block, Header
from .codec import Reader, u8, u32, u64
from .hashing import ZERO_HASH, tagged_hash

NAME = re.compile(r"[a-z0-9-]{1,32}")
BITS_TEXT = re.compile(r"0x[0-9a-f]{8}")
JSON_INTEGER_MAX = 2**53 - 1
MILLISECONDS_MAX = 100 * 365 * 86_400_000
BLOCK_BYTES_MAX = 2**20
BLOCK_MESSAGES_MAX = 4096


class NetworkError(Exception):
    """Parameters that no network can have."""


@dataclass(frozen=True)
class Network:
    """A network. `from_json` guarantees the conditions on its parameters."""

    name: str
    genesis_time: int
    spacing_ms: int
    half_life_ms: int
    limit_bits: int
    block_bytes_max: int
    block_messages_max: int

    @classmethod
    def from_json(cls, parameters: object) -> "Network":
        """Reads the JSON form, already parsed. Raises NetworkError."""
        names = {field.name for field in fields(cls)}
        if not isinstance(parameters, dict) or set(parameters) != names:
            raise NetworkError(f"a network is a JSON object with exactly the keys {', '.join(sorted(names))}")
        values = dict(parameters)
        if not isinstance(values["name"], str) or not NAME.fullmatch(values["name"]):
            raise NetworkError("name has to be 1 to 32 characters out of a-z, 0-9 and -")
        limit_bits = values["limit_bits"]
        if not isinstance(limit_bits, str) or not BITS_TEXT.fullmatch(limit_bits):
            raise NetworkError("limit_bits has to be text like 0x1e100000")
        values["limit_bits"] = int(limit_bits, 16)
        for name, least, most in (
            ("genesis_time", 0, JSON_INTEGER_MAX),
            ("spacing_ms", 1, MILLISECONDS_MAX),
            ("half_life_ms", 0, MILLISECONDS_MAX),
            ("block_bytes_max", EMPTY_BLOCK_BYTES, BLOCK_BYTES_MAX),
            ("block_messages_max", 0, BLOCK_MESSAGES_MAX),
        ):
            _check_integer(values, name, least, most)
        try:
            pow.expand(values["limit_bits"])
        except pow.BitsError as error:
            raise NetworkError(f"limit_bits: {error}") from None
        return cls(**values)

    @classmethod
    def read(cls, reader: Reader) -> "Network":
        """Takes the canonical encoding off a reader. Raises DecodeError or NetworkError."""
        name = reader.take(reader.take_int(1, "length of name"), "name")
        try:
            parameters = {"name": name.decode("ascii")}
        except UnicodeDecodeError:
            raise NetworkError("name has to be ASCII") from None
        for field in ("genesis_time", "spacing_ms", "half_life_ms"):
            parameters[field] = reader.take_int(8, field)
        parameters["limit_bits"] = pow.bits_text(reader.take_int(4, "limit_bits"))
        for field in ("block_bytes_max", "block_messages_max"):
            parameters[field] = reader.take_int(4, field)
        return cls.from_json(parameters)

    def to_json(self) -> dict:
        return asdict(self) | {"limit_bits": pow.bits_text(self.limit_bits)}

    def encode(self) -> bytes:
        name = self.name.encode()
        return (
            u8(len(name))
            + name
            + u64(self.genesis_time)
            + u64(self.spacing_ms)
            + u64(self.half_life_ms)
            + u32(self.limit_bits)
            + u32(self.block_bytes_max)
            + u32(self.block_messages_max)
        )

    @cached_property
    def genesis(self) -> Block:
        content_root = tagged_hash("plexus/network", self.encode())
        header = Header(ZERO_HASH, content_root, VERSION, 0, self.genesis_time, self.limit_bits, 0)
        return Block(header, 0, bytes(33), bytes(64), ())

    @property
    def id(self) -> bytes:
        return self.genesis.header.hash

    def next_bits(self, parent: Header, time: int) -> int:
        """Returns the bits of a block at `time` on a valid parent."""
        return pow.next_bits(
            spacing_ms=self.spacing_ms,
            half_life_ms=self.half_life_ms,
            limit_bits=self.limit_bits,
            height=parent.height + 1,
            parent_bits=parent.bits,
            parent_time=parent.time,
            time=time,
        )


def _check_integer(values: dict, name: str, least: int, most: int) -> None:
    value = values[name]
    # JSON's true and false are integers to Python, but not to the protocol.
    if type(value) is not int or not least <= value <= most:
        raise NetworkError(f"{name} has to be an integer from {least} to {most}")


PLEXUS = Network("plexus", 1767225600000, 15000, 600000, 0x1E100000, 131072, 1024)
DEV = Network("dev", 1767225600000, 15000, 0, 0x20010000, 1048576, 4096)
