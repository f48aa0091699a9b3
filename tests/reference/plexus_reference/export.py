"""The export format: one line of parameters, then one line for each block."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from .block import EMPTY_BLOCK_BYTES, VERSION
from .chain import Chain, Failure
from .network import Network, NetworkError

NETWORK_LINE_BYTES_MAX = 4096

# A file may state a cap of up to 4 GiB for its blocks. Lines are held in memory, so this
# program rejects networks with a cap far above any sensible one.
BLOCK_BYTES_CEILING = 64 * 2**20

HEX = re.compile(rb"(?:[0-9a-f]{2})+")


class ExportError(Exception):
    """A file that is not an exported chain at all, unlike a file that holds a bad block."""


@dataclass(frozen=True)
class Verdict:
    """The part of a file that is valid, and the failures of the line after it."""

    chain: Chain
    position: int
    failures: list[Failure]


def verify(stream: BinaryIO, now: int) -> Verdict:
    """Verifies an export up to its end or to the first block that breaks a rule.

    Blocks above a bad block depend on it, so they are not checked. Memory is bounded by one
    line and by the state of `Chain`. Raises ExportError.
    """
    chain = Chain(_read_network(stream))
    genesis = chain.network.genesis.encode()
    position = -1
    for position, (encoded, failure) in enumerate(_read_blocks(stream, chain.network.block_bytes_max)):
        if failure:
            failures = [failure]
        elif position > 0:
            failures = chain.extend(encoded, now)
        elif encoded != genesis:
            failures = [_genesis_failure(chain.network, encoded)]
        else:
            failures = []
        if failures:
            return Verdict(chain, position, failures)
    if position < 0:
        raise ExportError("the file holds no blocks")
    return Verdict(chain, position, [])


def write(stream: BinaryIO, network: Network, blocks: list[bytes]) -> None:
    """Writes encoded blocks, genesis first."""
    stream.write(json.dumps(network.to_json(), separators=(",", ":")).encode() + b"\n")
    for block in blocks:
        stream.write(block.hex().encode() + b"\n")


def _genesis_failure(network: Network, encoded: bytes) -> Failure:
    version = int.from_bytes(encoded[64:68], "big")
    if len(encoded) == EMPTY_BLOCK_BYTES and version != VERSION:
        expected, found = f"version {VERSION}", f"version {version}: nothing is converted"
        return Failure("Genesis", expected, found)
    return Failure("Genesis", f"the genesis block of network {network.id.hex()}", "another block")


def _read_network(stream: BinaryIO) -> Network:
    line = stream.readline(NETWORK_LINE_BYTES_MAX + 1)
    if len(line) > NETWORK_LINE_BYTES_MAX:
        raise ExportError(f"line 1 is longer than {NETWORK_LINE_BYTES_MAX} bytes")
    try:
        network = Network.from_json(json.loads(line, object_pairs_hook=unique_keys))
    except (ValueError, RecursionError) as error:
        raise ExportError(f"line 1 is not JSON: {error}") from None
    except NetworkError as error:
        raise ExportError(f"line 1: {error}") from None
    if network.block_bytes_max > BLOCK_BYTES_CEILING:
        raise ExportError(f"line 1: this program handles blocks of at most {BLOCK_BYTES_CEILING} bytes")
    return network


def _read_blocks(stream: BinaryIO, block_bytes_max: int) -> Iterator[tuple[bytes, Failure | None]]:
    digits_max = 2 * block_bytes_max
    # Genesis has to fit even in a network whose cap forbids any other block.
    line_max = max(digits_max, 1024) + 1
    while line := stream.readline(line_max + 1):
        digits = line.removesuffix(b"\n")
        if len(digits) >= line_max:
            yield b"", Failure("BlockTooLarge", f"at most {block_bytes_max} bytes", "a longer line")
        elif not HEX.fullmatch(digits):
            yield b"", Failure("InvalidEncoding", "a line of lower-case hex", "something else")
        else:
            yield bytes.fromhex(digits.decode()), None


def unique_keys(pairs: list[tuple[str, object]]) -> dict:
    """Builds a JSON object. Raises ValueError for a repeated key, which readers would resolve differently."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result
