"""The verdict on a valid proof file: whether its chain was compared with something, and with which result."""

import json
import re
import urllib.request
from urllib.error import URLError

from . import pow
from .network import Network, NetworkError
from .receipt import Receipt, ReceiptError, Verified

VALID, TOO_WEAK, REPLACED = "VALID", "TOO WEAK", "NOT IN THE CHAIN"
NOT_COMPARED = "CONSISTENT, NOT COMPARED"
REFUSED = (TOO_WEAK, REPLACED)

# The total work of a block that was 1,000 deep at the release, by network id. There is none until a network is public.
KNOWN_WORK: dict[bytes, int] = {}
HASHES_PER_SECOND = 10**10
CLOCK_AHEAD_MAX_MS = 60_000
ANSWER_BYTES_MAX = 8 * 2**20
ANSWER_SECONDS = 30


class NodeError(Exception):
    """A node that cannot be compared with."""


def of(network: Network, total_work: int, demanded: int | None, in_chain: bool | None) -> str:
    """Returns the verdict. `in_chain` tells whether a trusted chain has the block, None that it was not compared."""
    known = KNOWN_WORK.get(network.id, 0)
    if demanded is not None and total_work < demanded:
        return TOO_WEAK
    if in_chain is not None:
        return VALID if in_chain else REPLACED
    if demanded is not None:
        return VALID
    if not known:
        return NOT_COMPARED
    return VALID if total_work >= known else TOO_WEAK


def explain(verdict: str, total_work: int) -> str | None:
    """Returns what the verdict means for a chain with this total work, or None if nothing has to be explained."""
    seconds = total_work / HASHES_PER_SECOND
    if verdict == TOO_WEAK:
        return "the whole chain has less work than expected: it may be another one, or the file is from long before"
    if verdict == REPLACED:
        return "the chain that it was compared with has another block at that height"
    if verdict == NOT_COMPARED:
        return (
            "The parts fit together. Whether this is the chain that others mine was not checked: "
            f"its 2^{max(total_work, 1).bit_length() - 1} hashes are {seconds:.1f} s of one graphics processor. "
            "Anybody who has one for that time can invent all of it, with any date."
        )
    return None


def is_solitary(network: Network, total_work: int, height: int) -> bool:
    """Returns true if the blocks took under four times the least work: nobody but the maker need have mined them."""
    return total_work < 4 * pow.work(pow.expand(network.limit_bits)) * height


def check_clock(verified: Verified, now: int) -> None:
    """Raises ReceiptError if the newest block is too far ahead of the clock, so that no node accepts it yet."""
    time = verified.proven.header.time
    if time > now + CLOCK_AHEAD_MAX_MS:
        raise ReceiptError(f"the newest block has the time {time}, but the clock shows {now}")


def is_in_chain_of(node: str, shown: Receipt) -> bool:
    """Returns true if the chain of a node has the block, false if it has another one there. Raises NodeError."""
    base = node.rstrip("/")
    try:
        network = Network.from_json(_ask(f"{base}/api/v1/network"))
        if network.id != shown.network.id:
            raise NodeError(f"the node is on the network {network.id.hex()}")
        return _ask(f"{base}/api/v1/blocks/{shown.header.height}")["hash"] == shown.header.hash.hex()
    except (URLError, OSError, ValueError, KeyError, TypeError, NetworkError) as error:
        raise NodeError(f"the node at {node} cannot be compared: {error}") from None


def _ask(url: str) -> dict:
    if not re.match(r"https?://", url):
        raise ValueError("the URL has to begin with http:// or https://")
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
        return json.loads(answer.read(ANSWER_BYTES_MAX))
