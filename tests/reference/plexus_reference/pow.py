"""Targets, their compact form, the work that they represent, and the next-target rule.

A target is a Python integer from 1 to 2^256 - 1; bits are its compact form as an integer of 32 bits.
"""

from .codec import saturate_u128

TARGET_MAX = 2**256 - 1
MANTISSA_TOP_BIT = 0x00800000


class BitsError(Exception):
    """Bits that are not the compact form of any target."""


def expand(bits: int) -> int:
    """Returns the target of canonical bits. Raises BitsError for all others."""
    size, mantissa = bits >> 24, bits & 0x00FFFFFF
    if mantissa & MANTISSA_TOP_BIT:
        raise BitsError(f"{bits_text(bits)} has the sign bit set")
    # The size is at most 255, so even a refused target stays small.
    target = mantissa >> 8 * (3 - size) if size <= 3 else mantissa << 8 * (size - 3)
    if target == 0:
        raise BitsError(f"{bits_text(bits)} means a target of zero")
    if target > TARGET_MAX:
        raise BitsError(f"{bits_text(bits)} means a target of more than 256 bits")
    if compact(target) != bits:
        raise BitsError(f"{bits_text(bits)} is not canonical")
    return target


def compact(target: int) -> int:
    """Returns the bits of the largest target that has a compact form and is not above `target`."""
    size = (target.bit_length() + 7) // 8
    mantissa = target << 8 * (3 - size) if size <= 3 else target >> 8 * (size - 3)
    if mantissa & MANTISSA_TOP_BIT:
        mantissa >>= 8
        size += 1
    return size << 24 | mantissa


def work(number: int) -> int:
    """Returns the average number of hashes needed to find one that is not above `number`."""
    return saturate_u128(2**256 // (number + 1))


def meets(block_hash: bytes, bits: int) -> bool:
    """Returns true if a hash is at most the target of `bits`. Raises BitsError."""
    return int.from_bytes(block_hash, "big") <= expand(bits)


def half_life_at(spacing_ms: int, half_life_ms: int, height: int) -> int:
    """Returns the half-life at a height, in milliseconds. It is shorter in a young chain."""
    return min(half_life_ms, spacing_ms * max(8, height // 8))


def next_bits(
    *,
    spacing_ms: int,
    half_life_ms: int,
    limit_bits: int,
    height: int,
    parent_bits: int,
    parent_time: int,
    time: int,
) -> int:
    """Returns the bits that a block at `height` and `time` must carry. Both given bits have to be canonical."""
    if half_life_ms == 0:
        return limit_bits
    limit = expand(limit_bits)
    # Python's integer division rounds towards minus infinity, as the rule requires.
    exponent = (time - parent_time - spacing_ms) * 65536 // half_life_at(spacing_ms, half_life_ms, height)
    shift, fraction = exponent >> 16, exponent & 0xFFFF
    # Outside this range the result no longer depends on the parent's target. Leaving early keeps a
    # header with an absurd time from asking for a number of 2^64 bits.
    if shift >= 256:
        return compact(limit)
    if shift <= -257:
        return compact(1)
    product = expand(parent_bits) * power_of_two_factor(fraction)
    target = product << (shift - 16) if shift >= 16 else product >> (16 - shift)
    return compact(min(max(target, 1), limit))


def power_of_two_factor(fraction: int) -> int:
    """Returns about 65536 · 2^(fraction / 65536): the cubic of aserti3-2d."""
    cubic = 195766423245049 * fraction + 971821376 * fraction**2 + 5127 * fraction**3 + 2**47
    return (cubic >> 48) + 65536


def bits_text(bits: int) -> str:
    return f"0x{bits:08x}"
