"""The Merkle mountain range over all headers below a block."""

from dataclasses import dataclass
from functools import reduce

from .codec import Reader, saturate_u128, u32, u64, u128
from .hashing import ZERO_HASH, tagged_hash


@dataclass(frozen=True)
class Record:
    """A node of the range. A leaf represents a header, a parent represents all headers below it."""

    hash: bytes
    work: int
    time: int
    bits: int

    @classmethod
    def decode(cls, data: bytes) -> "Record":
        """Reads a record that fills `data`. Raises DecodeError."""
        reader = Reader(data)
        record = cls(
            reader.take(32, "hash"),
            reader.take_int(16, "work"),
            reader.take_int(8, "time"),
            reader.take_int(4, "bits"),
        )
        reader.finish()
        return record

    def encode(self) -> bytes:
        return self.hash + u128(self.work) + u64(self.time) + u32(self.bits)


def parent(left: Record, right: Record) -> Record:
    """Returns the record above two others, `left` being the older one."""
    joined = tagged_hash("plexus/history", left.encode() + right.encode())
    return Record(joined, saturate_u128(left.work + right.work), right.time, right.bits)


def climb(leaf: Record, index: int, path: list[Record]) -> Record:
    """Returns the node that a leaf leads to along its siblings."""
    node = leaf
    for level, sibling in enumerate(path):
        node = parent(sibling, node) if index >> level & 1 else parent(node, sibling)
    return node


class MountainRange:
    """A mountain range that holds only its peaks. Its size is the logarithm of the number of leaves."""

    def __init__(self) -> None:
        self.leaves = 0
        self._peaks: list[tuple[int, Record]] = []

    @property
    def peaks(self) -> list[Record]:
        """Returns the peaks, the peak of the oldest headers first."""
        return [record for _, record in self._peaks]

    @property
    def work(self) -> int:
        return sum(record.work for _, record in self._peaks)

    def append(self, leaf: Record) -> None:
        self.append_node(1, leaf)

    def append_node(self, size: int, node: Record) -> None:
        """Appends a node over several leaves at once.

        Their number is a power of two that divides the current number of leaves.
        """
        self.leaves += size
        self._peaks.append((size, node))
        while len(self._peaks) > 1 and self._peaks[-2][0] == self._peaks[-1][0]:
            size, right = self._peaks.pop()
            _, left = self._peaks.pop()
            self._peaks.append((2 * size, parent(left, right)))

    def peak_over(self, leaf: int) -> tuple[int, Record] | None:
        """Returns the peak over a leaf with its level, or None if there is no such leaf."""
        end = 0
        for size, record in self._peaks:
            end += size
            if leaf < end:
                return size.bit_length() - 1, record
        return None

    def below(self, leaf: int, path: list[Record]) -> "MountainRange":
        """Returns the range of the leaves before one, given all siblings on its way up to its peak."""
        result = MountainRange()
        for size, record in self._peaks:
            if result.leaves + size > leaf:
                break
            result.append_node(size, record)
        for level in reversed(range(len(path))):
            if leaf >> level & 1:
                result.append_node(2**level, path[level])
        return result

    def bagged(self) -> Record | None:
        """Returns the record over all peaks, or None without leaves."""
        if not self._peaks:
            return None
        return reduce(lambda bag, peak: parent(peak, bag), reversed(self.peaks))

    def root(self) -> bytes:
        bagged = self.bagged()
        if bagged is None:
            return ZERO_HASH
        return tagged_hash("plexus/root", u64(self.leaves) + bagged.encode())
