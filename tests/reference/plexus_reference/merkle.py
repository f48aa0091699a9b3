"""The Merkle tree over the messages of a block."""

from .hashing import ZERO_HASH, tagged_hash


def leaf(encoded_message: bytes) -> bytes:
    return tagged_hash("plexus/leaf", encoded_message)


def root(leaves: list[bytes]) -> bytes:
    """Returns the root over leaf hashes; an odd node moves up as it is."""
    if not leaves:
        return ZERO_HASH
    level = leaves
    while len(level) > 1:
        joined = [tagged_hash("plexus/node", level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            joined.append(level[-1])
        level = joined
    return level[0]
