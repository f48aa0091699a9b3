"""The Merkle tree over the messages of a block."""

from .hashing import ZERO_HASH, tagged_hash


def leaf(encoded_message: bytes) -> bytes:
    return tagged_hash("plexus/leaf", encoded_message)


def root(leaves: list[bytes]) -> bytes:
    """Returns the root over leaf hashes. An odd node moves up unchanged."""
    if not leaves:
        return ZERO_HASH
    level = leaves
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path(leaves: list[bytes], index: int) -> list[bytes]:
    """Returns the siblings on the path from a leaf up to the root."""
    level, siblings = leaves, []
    while len(level) > 1:
        if index ^ 1 < len(level):
            siblings.append(level[index ^ 1])
        level, index = _above(level), index // 2
    return siblings


def siblings_of(index: int, count: int) -> int:
    """Returns the number of siblings on the path."""
    siblings = 0
    while count > 1:
        siblings += index ^ 1 < count
        index, count = index // 2, (count + 1) // 2
    return siblings


def climb(leaf_hash: bytes, index: int, count: int, siblings: list[bytes]) -> bytes:
    """Returns the root that a leaf leads to. `siblings_of` gives the number of siblings."""
    node, left = leaf_hash, iter(siblings)
    while count > 1:
        if index ^ 1 < count:
            sibling = next(left)
            node = tagged_hash("plexus/node", sibling + node if index % 2 else node + sibling)
        index, count = index // 2, (count + 1) // 2
    return node


def _above(level: list[bytes]) -> list[bytes]:
    joined = [tagged_hash("plexus/node", level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return joined + level[-1:] if len(level) % 2 else joined
