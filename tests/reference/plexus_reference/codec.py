"""Big-endian integers and byte strings in fixed layouts."""

U32_MAX = 2**32 - 1
U64_MAX = 2**64 - 1
U128_MAX = 2**128 - 1


class DecodeError(Exception):
    """Bytes that no encoder writes. `rule` is the name under which a block that holds them fails."""

    def __init__(self, expected: str, found: str, rule: str = "InvalidEncoding"):
        super().__init__(f"expected {expected}, found {found}")
        self.rule = rule
        self.expected = expected
        self.found = found


class Reader:
    """Takes fields off the front of a byte string."""

    def __init__(self, data: bytes):
        self._data = data
        self._offset = 0

    @property
    def remaining(self) -> int:
        return len(self._data) - self._offset

    def take(self, size: int, field: str) -> bytes:
        """Takes exactly `size` bytes. Raises DecodeError if there are fewer."""
        if size > self.remaining:
            raise DecodeError(f"{size} bytes of {field}", f"{self.remaining} bytes")
        start = self._offset
        self._offset += size
        return self._data[start : self._offset]

    def take_int(self, size: int, field: str) -> int:
        return int.from_bytes(self.take(size, field), "big")

    def finish(self) -> None:
        """Raises DecodeError if bytes are left over."""
        if self.remaining:
            raise DecodeError("the end", f"{self.remaining} more bytes")


def u8(value: int) -> bytes:
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def u128(value: int) -> bytes:
    return value.to_bytes(16, "big")


def saturate_u128(value: int) -> int:
    return min(value, U128_MAX)
