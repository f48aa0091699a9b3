"""SHA-256 and the tagged hash of BIP 340."""

import hashlib
from functools import cache

ZERO_HASH = bytes(32)


def sha256(data: bytes) -> bytes:
    """Returns the plain SHA-256, which only block hashes use."""
    return hashlib.sha256(data).digest()


def tagged_hash(tag: str, data: bytes) -> bytes:
    """Returns SHA256(SHA256(tag) ‖ SHA256(tag) ‖ data)."""
    state = _tag_state(tag).copy()
    state.update(data)
    return state.digest()


@cache
def _tag_state(tag: str):
    # The two tag hashes fill one block exactly, so their state is worth keeping.
    # Tags are constants of the protocol or of vector files, which bounds the cache.
    tag_hash = sha256(tag.encode())
    return hashlib.sha256(tag_hash + tag_hash)
