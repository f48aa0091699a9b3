"""Chain proofs: the tip and the total work of a chain, without most of its headers."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

from . import pow
from .block import VERSION, Header
from .codec import U64_MAX, U128_MAX, DecodeError, Reader, saturate_u128, u32, u64, u128
from .hashing import tagged_hash
from .history import MountainRange, Record, parent
from .network import Network

SECURITY_BITS = 50
TAIL_BLOCKS = 480
SAMPLES_MAX = 16_384
PROOF_BYTES_MAX = 2**20
HEIGHT_MAX = 2**62 - 1

FRACTION_BITS = 48
ONE = 2**FRACTION_BITS


class ProofError(Exception):
    """An invalid proof."""


def log2(number: int) -> int:
    """Returns the binary logarithm in fixed point, truncated as the specification says."""
    result = number.bit_length() - 1
    mantissa = (number << (127 - result)) >> 64
    for _ in range(FRACTION_BITS):
        mantissa = mantissa * mantissa >> 63
        if mantissa >= 2**64:
            mantissa >>= 1
            result = 2 * result + 1
        else:
            result = 2 * result
    return result


def halved(number: int, exponent: int) -> int:
    """Returns number · (1/2)^exponent, the exponent in fixed point."""
    power, root = 2**64, 2**63
    for place in reversed(range(FRACTION_BITS)):
        root = isqrt(root << 64)
        if exponent >> place & 1:
            power = power * root >> 64
    return (number * power >> 64) >> (exponent >> FRACTION_BITS)


def points(below: int, in_tail: int, tip_bits: int, tip: bytes) -> list[int]:
    """Returns the points of work that a proof has to show, rising. Raises ProofError."""
    total = below + in_tail
    if not below or not in_tail or total > U128_MAX:
        raise ProofError("no chain has this work")
    try:
        tip_work = pow.work(pow.expand(tip_bits))
    except pow.BitsError as error:
        raise ProofError(str(error)) from None
    span = log2(total) - log2(in_tail)
    k = max(span, 2 * ONE)
    worth = log2(k) - log2(k - ONE)
    needed = SECURITY_BITS * ONE + max(0, log2(total) - log2(tip_work) - ONE)
    count = min(-(-needed // worth), SAMPLES_MAX)
    found = []
    for number in range(count):
        u = int.from_bytes(tagged_hash("plexus/sample", tip + u32(number))[:8], "big")
        found.append(total - max(halved(total, u * span >> 64), in_tail + 1))
    return sorted(found)


def nodes(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yields level and first leaf of the nodes over the leaves from `start` to `end` - 1."""
    while start < end:
        level = (end - start).bit_length() - 1
        while start % 2**level:
            level -= 1
        yield level, start
        start += 2**level


def tail_of(height: int) -> int:
    """Returns the number of headers in the tail of a chain. A sampled chain's tail begins at an odd height."""
    if height <= 2 * TAIL_BLOCKS:
        return height
    first = (height - TAIL_BLOCKS) | 1
    return height - first + 1


class NodeRules:
    """Bounds on a node of the range. They follow from the next-target rule, which every header below it obeys."""

    def __init__(self, network: Network):
        self.network = network
        self.limit = pow.expand(network.limit_bits)
        self.limit_work = pow.work(self.limit)

    def rise_from(self, height: int) -> tuple[int, int]:
        """Returns the fastest rise of difficulty from a height on.

        The most doublings per block, in fixed point, and the fewest blocks per doubling, rounded down.
        """
        spacing = self.network.spacing_ms
        half_life = pow.half_life_at(spacing, self.network.half_life_ms, height)
        return -(-spacing * ONE // half_life) + 2**37, 2048 * half_life // (2048 * spacing + half_life)

    def check(self, edge: Record, level: int, start: int, node: Record) -> None:
        """Raises ProofError unless 2^level headers from `start` on, after `edge`, can have this node as their record."""
        headers = 2**level
        try:
            target = pow.expand(node.bits)
        except pow.BitsError as error:
            raise ProofError(str(error)) from None
        if target > self.limit:
            raise ProofError(f"bits easier than the limit at height {start + headers - 1}")
        if node.time <= edge.time + headers - 1:
            raise ProofError(f"times do not rise after height {start}")
        if not self.network.half_life_ms:
            if node.bits != self.network.limit_bits or node.work != saturate_u128(headers * self.limit_work):
                raise ProofError(f"no headers of constant bits from height {start} on have this work or these bits")
        elif not level:
            if node.bits != next_bits(self.network, start, edge, node.time):
                raise ProofError(f"the bits at height {start} do not follow")
            if node.work != pow.work(target):
                raise ProofError(f"the work at height {start} is not that of its bits")
        else:
            last = pow.work(target)
            rise, blocks_per_doubling = self.rise_from(start)
            if halved(last, min(headers * rise, 2**63)) > pow.work(pow.expand(edge.bits)):
                raise ProofError(f"difficulty rises too fast after height {start}")
            if node.work < self.least(headers, last, blocks_per_doubling):
                raise ProofError(f"too little work for the bits after height {start}")

    def least(self, headers: int, last: int, blocks_per_doubling: int) -> int:
        """Returns the least work of `headers` headers whose last one has the work `last`."""
        total, left, i = last, headers - 1, 0
        while left:
            i += 1
            work = max(last >> i, self.limit_work)
            count = min(left, blocks_per_doubling)
            if work == self.limit_work or not count:
                work, count = self.limit_work, left
            total += work * count
            left -= count
        return saturate_u128(total)


def next_bits(network: Network, height: int, edge: Record, time: int) -> int:
    """Returns the bits of a header at `height` and `time` right above the edge."""
    return pow.next_bits(
        spacing_ms=network.spacing_ms,
        half_life_ms=network.half_life_ms,
        limit_bits=network.limit_bits,
        height=height,
        parent_bits=edge.bits,
        parent_time=edge.time,
        time=time,
    )


def check_path(network: Network, below: MountainRange, header: Header, path: list[Record]) -> None:
    """Checks a header after the history below it, and the siblings on its path. Raises ProofError.

    The parts of the history that begin at genesis follow from the chain proof, so they are checked.
    """
    rules, height = NodeRules(network), below.leaves
    edge, edge_level = None, 0
    for (level, start), record in zip(nodes(0, height), below.peaks, strict=True):
        if edge:
            rules.check(edge, level, start, record)
        edge, edge_level = record, level
    if edge:
        if header.time <= edge.time:
            raise ProofError(f"times do not rise at height {height}")
        if header.bits != next_bits(network, height, edge, header.time):
            raise ProofError(f"the bits at height {height} do not follow")
        if not edge_level and header.prev_hash != edge.hash:
            raise ProofError(f"another header is below height {height}")
    edge = Record(header.hash, 0, header.time, header.bits)
    for level, sibling in enumerate(path):
        if not height >> level & 1:
            rules.check(edge, level, (height >> level ^ 1) << level, sibling)
            edge = sibling


def read_varint(reader: Reader, most: int, field: str) -> int:
    value = shift = 0
    while True:
        byte = reader.take_int(1, field)
        value |= (byte & 0x7F) << shift
        if value > most or shift and not byte:
            raise DecodeError(f"a number of at most {most} in its shortest form", field)
        if byte < 0x80:
            return value
        shift += 7


def write_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@dataclass(frozen=True)
class Proven:
    """A tip, and the mountain range of all headers up to and including it."""

    header: Header
    history: MountainRange

    @property
    def total_work(self) -> int:
        return self.history.work


class _Pass:
    """Assembles the mountain range from left to right."""

    def __init__(self, network: Network, reader: Reader):
        self.network = network
        self.reader = reader
        self.header = network.genesis.header
        self.rules = NodeRules(network)
        self.history = MountainRange()
        self.add(0, Record(self.header.hash, 0, self.header.time, self.header.bits))

    def add(self, level: int, record: Record) -> None:
        self.history.append_node(2**level, record)
        self.edge, self.edge_level = record, level
        if self.history.work > U128_MAX:
            raise ProofError("the work is over 128 bits")

    def read_time(self) -> int:
        time = self.edge.time + read_varint(self.reader, U64_MAX, "time")
        if time > U64_MAX:
            raise ProofError("a time of more than 64 bits")
        return time

    def cross(self, end: int, point: int | None) -> None:
        for level, start in nodes(self.history.leaves, end):
            block_hash = self.reader.take(32, "hash")
            work = read_varint(self.reader, U128_MAX, "work") if level else None
            time = self.read_time()
            bits = self.reader.take_int(4, "bits")
            if work is None:
                try:
                    work = pow.work(pow.expand(bits))
                except pow.BitsError as error:
                    raise ProofError(str(error)) from None
            node = Record(block_hash, work, time, bits)
            self.rules.check(self.edge, level, start, node)
            self.add(level, node)
            if point is not None and point < self.history.work:
                raise ProofError(f"the point {point} is not shown")

    def take_header(self) -> Header:
        height, edge = self.history.leaves, self.edge
        prev_hash = self.reader.take(32, "prev_hash") if self.edge_level else edge.hash
        body_root = self.reader.take(32, "body root")
        extra = read_varint(self.reader, U64_MAX, "extra")
        time = self.read_time()
        nonce = self.reader.take_int(8, "nonce")
        content_root = tagged_hash("plexus/content", self.history.root() + body_root + u64(extra))
        if time <= edge.time:
            raise ProofError(f"times do not rise at height {height}")
        bits = next_bits(self.network, height, edge, time)
        self.header = Header(prev_hash, content_root, VERSION, height, time, bits, nonce)
        if not self.header.meets_target():
            raise ProofError(f"no proof of work at height {height}")
        self.add(0, Record(self.header.hash, pow.work(pow.expand(bits)), time, bits))
        return self.header


def verify(network: Network, data: bytes) -> Proven:
    """Returns the facts that a proof proves. Raises ProofError or DecodeError."""
    if len(data) > PROOF_BYTES_MAX:
        raise ProofError("too large")
    reader = Reader(data)
    if reader.take(32, "network id") != network.id:
        raise ProofError("another network")
    tip = reader.take(32, "tip")
    height = reader.take_int(8, "height")
    below, in_tail = reader.take_int(16, "below"), reader.take_int(16, "in tail")
    bits = reader.take_int(4, "bits")
    if height > HEIGHT_MAX:
        raise ProofError("too high")
    first = height - tail_of(height) + 1
    left = points(below, in_tail, bits, tip) if first > 1 else []
    state = _Pass(network, reader)
    while left and state.history.leaves < first:
        skipped = read_varint(reader, first - 1 - state.history.leaves, "gap")
        state.cross(state.history.leaves + skipped, left[0])
        state.take_header()
        shown = [point for point in left if point < state.history.work]
        if not shown:
            raise ProofError(f"the point {left[0]} does not lie in the header that is shown")
        left = left[len(shown) :]
    state.cross(first, None)
    if state.history.work != below:
        raise ProofError("the work below the tail is not as claimed")
    for _ in range(first, height + 1):
        state.take_header()
    reader.finish()
    if (state.history.work - below, state.header.bits, state.header.hash) != (in_tail, bits, tip):
        raise ProofError("the tip is not as claimed")
    return Proven(state.header, state.history)


class Prover:
    """A whole chain, from which proofs are made."""

    def __init__(self, network: Network):
        self.network = network
        genesis = network.genesis.header
        # (header, body root, extra), and the leaves, by height.
        self.blocks: list[tuple[Header, bytes, int]] = [(genesis, bytes(32), 0)]
        self.leaves = [Record(genesis.hash, 0, genesis.time, genesis.bits)]

    def append(self, header: Header, body_root: bytes, extra: int) -> None:
        self.blocks.append((header, body_root, extra))
        self.leaves.append(Record(header.hash, pow.work(pow.expand(header.bits)), header.time, header.bits))

    def prove(self, tail: int | None = None) -> bytes:
        """Returns the proof of the chain's tip. A forger may show another number of headers at its end."""
        height = len(self.blocks) - 1
        first = height - (tail or tail_of(height)) + 1
        tip = self.blocks[height][0]
        below = sum(leaf.work for leaf in self.leaves[:first])
        in_tail = sum(leaf.work for leaf in self.leaves[first:])
        self._last_level = 0
        out = bytearray(self.network.id + tip.hash + u64(height) + u128(below) + u128(in_tail) + u32(tip.bits))
        left = points(below, in_tail, tip.bits, tip.hash) if first > 1 else []
        end, covered = 0, 1
        for at in range(1, first):
            end += self.leaves[at].work
            if left and left[0] < end:
                left = [point for point in left if point >= end]
                out += write_varint(at - covered) + self._nodes(covered, at) + self._header(at)
                covered = at + 1
        out += self._nodes(covered, first)
        for at in range(first, height + 1):
            out += self._header(at)
        return bytes(out)

    def path(self, height: int) -> list[Record]:
        """Returns the siblings on the path from a leaf up to its peak in the range over the whole chain."""
        level = (height ^ len(self.leaves)).bit_length() - 1
        return [self._node(below, (height >> below ^ 1) << below) for below in range(level)]

    def _nodes(self, start: int, end: int) -> bytes:
        out = b""
        for level, leaf in nodes(start, end):
            node = self._node(level, leaf)
            out += node.hash + (write_varint(node.work) if level else b"")
            out += write_varint(node.time - self.leaves[leaf - 1].time) + u32(node.bits)
            self._last_level = level
        return out

    def _header(self, height: int) -> bytes:
        header, body_root, extra = self.blocks[height]
        out = header.prev_hash if self._last_level else b""
        self._last_level = 0
        return (
            out
            + body_root
            + write_varint(extra)
            + write_varint(header.time - self.leaves[height - 1].time)
            + u64(header.nonce)
        )

    # The level of the part that was written last: 0 for headers, including genesis.
    _last_level = 0

    def _node(self, level: int, leaf: int) -> Record:
        if not level:
            return self.leaves[leaf]
        half = 2 ** (level - 1)
        return parent(self._node(level - 1, leaf), self._node(level - 1, leaf + half))
