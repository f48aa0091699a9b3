"""One branch from genesis to its tip, and the rules that let it grow.

Memory stays small however long the chain is: the tip, the peaks of the mountain range, and the ids of the
messages that could still be repeated.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from . import pow
from .block import VERSION, Block, Header
from .codec import U64_MAX, DecodeError, saturate_u128
from .history import MountainRange, Record
from .key import signature_fault
from .message import Message
from .network import Network

CLOCK_AHEAD_MAX_MS = 60_000
MESSAGE_BEFORE_MAX_MS = 86_400_000
MESSAGE_AHEAD_MAX_MS = 60_000

# Below this number of ids, the search for ids that can be forgotten is not worth its cost.
IDS_KEPT_MIN = 100_000


@dataclass(frozen=True)
class Failure:
    """A rule that a block breaks."""

    rule: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.rule}: expected {self.expected}, found {self.found}"


class Chain:
    """A valid chain. It starts as genesis alone."""

    def __init__(self, network: Network):
        self.network = network
        self.tip: Header = network.genesis.header
        self.total_work = 0
        self.messages = 0
        self.history = MountainRange()
        self._recent_ids: dict[bytes, int] = {}
        self._forget_above = IDS_KEPT_MIN
        self._append_header(self.tip, 0)

    @property
    def height(self) -> int:
        return self.tip.height

    def extend(self, encoded: bytes, now: int) -> list[Failure]:
        """Appends an encoded block if it breaks no rule. Returns the rules that it breaks."""
        try:
            block = Block.decode(encoded, self.network.block_bytes_max, self.network.block_messages_max)
        except DecodeError as error:
            return [Failure(error.rule, error.expected, error.found)]
        failures = self.judge(block, now)
        if not failures:
            self._append(block)
        return failures

    def judge(self, block: Block, now: int) -> list[Failure]:
        """Returns all rules that a decoded block breaks as a child of the tip. `now` is the local clock."""
        ids = [message.id(self.network.id) for message in block.messages]
        failures = list(self._own_failures(block, ids, now))
        if block.header.prev_hash != self.tip.hash:
            return list(self._parent_failures(block.header)) + failures
        failures += self._header_failures(block.header)
        failures += self._body_failures(block, ids)
        return failures

    def _parent_failures(self, header: Header) -> Iterator[Failure]:
        yield Failure("PreviousHashBlockError", self.tip.hash.hex(), header.prev_hash.hex())
        if header.height > self.height + 1:
            yield Failure("MissedBlock", f"height {self.height + 1}", f"height {header.height}")

    def _own_failures(self, block: Block, ids: list[bytes], now: int) -> Iterator[Failure]:
        """Returns the failures of the rules that need no parent."""
        header = block.header
        if header.version != VERSION:
            yield Failure("InvalidVersion", f"version {VERSION}", f"version {header.version}")
        if header.time > now + CLOCK_AHEAD_MAX_MS:
            yield Failure("TimeTooFarAhead", f"time at most {now + CLOCK_AHEAD_MAX_MS}", f"time {header.time}")
        yield from _work_failures(header)
        for index, (message, message_id) in enumerate(zip(block.messages, ids, strict=True)):
            yield from _message_failures(index, message, message_id, header.time)

    def _header_failures(self, header: Header) -> Iterator[Failure]:
        if header.height != self.height + 1:
            yield Failure("BlockNumber", f"height {self.height + 1}", f"height {header.height}")
        if header.time <= self.tip.time:
            yield Failure("TimeNotAfterParent", f"time above {self.tip.time}", f"time {header.time}")
        bits = self.network.next_bits(self.tip, header.time)
        if header.bits != bits:
            yield Failure("InvalidBits", pow.bits_text(bits), pow.bits_text(header.bits))

    def _body_failures(self, block: Block, ids: list[bytes]) -> Iterator[Failure]:
        history_root = self.history.root()
        content_root = block.content_root(history_root)
        if block.header.content_root != content_root:
            yield Failure("InvalidContentRoot", content_root.hex(), block.header.content_root.hex())
        fault = signature_fault(block.author, block.author_digest(self.network.id, history_root), block.signature)
        if fault:
            yield Failure("InvalidSignature", "the author's signature", fault)
        seen = set()
        for index, message_id in enumerate(ids):
            if message_id in self._recent_ids or message_id in seen:
                yield Failure("DuplicateMessage", "a new message", f"message {index} again: {message_id.hex()}")
            seen.add(message_id)

    def _append(self, block: Block) -> None:
        self._append_header(block.header, pow.work(pow.expand(block.header.bits)))
        self.messages += len(block.messages)
        for message in block.messages:
            self._recent_ids[message.id(self.network.id)] = message.time
        self._forget_ids()

    def _append_header(self, header: Header, work: int) -> None:
        self.tip = header
        self.total_work = saturate_u128(self.total_work + work)
        self.history.append(Record(header.hash, work, header.time, header.bits))

    def _forget_ids(self) -> None:
        # Every later block has a later time, so it could not hold these messages anyway. Going through all of
        # them at every block would be quadratic. So this happens only when many are kept, and ever less often.
        if len(self._recent_ids) < self._forget_above:
            return
        oldest = self.tip.time - MESSAGE_BEFORE_MAX_MS
        self._recent_ids = {i: time for i, time in self._recent_ids.items() if time >= oldest}
        self._forget_above = max(2 * len(self._recent_ids), IDS_KEPT_MIN)


def _work_failures(header: Header) -> Iterator[Failure]:
    try:
        target = pow.expand(header.bits)
    except pow.BitsError:
        # There is no target to compare with. Bits that are not canonical fail the difficulty rule.
        return
    if int.from_bytes(header.hash, "big") > target:
        yield Failure("InvalidBlockHash", f"at most {target:064x}", header.hash.hex())


def _message_failures(index: int, message: Message, message_id: bytes, block_time: int) -> Iterator[Failure]:
    fault = signature_fault(message.sender, message_id, message.signature)
    if fault:
        yield Failure("InvalidSignature", f"the sender's signature of message {index}", fault)
    earliest = max(block_time - MESSAGE_BEFORE_MAX_MS, 0)
    latest = min(block_time + MESSAGE_AHEAD_MAX_MS, U64_MAX)
    if not earliest <= message.time <= latest:
        yield Failure(
            "MessageTimeOutOfRange", f"time of message {index} from {earliest} to {latest}", f"time {message.time}"
        )
