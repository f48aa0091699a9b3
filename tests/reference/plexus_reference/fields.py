"""Readers of JSON values, which accept each value in one form only."""

import re
from collections.abc import Callable
from types import SimpleNamespace

from .network import Network, NetworkError


class FieldError(Exception):
    """A value that does not have the form of the specification."""


# Readers of a field's JSON value. Each raises FieldError.


def hexadecimal(size: int | None = None) -> Callable[[object], bytes]:
    def read(value: object) -> bytes:
        if not isinstance(value, str) or not re.fullmatch(r"(?:[0-9a-f]{2})*", value):
            raise FieldError("has to be lower-case hex")
        if size is not None and len(value) != 2 * size:
            raise FieldError(f"has to be {size} bytes of hex")
        return bytes.fromhex(value)

    return read


def decimal(value: object) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"0|[1-9][0-9]{0,38}", value):
        raise FieldError("has to be decimal text")
    return int(value)


def compact_bits(value: object) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-f]{8}", value):
        raise FieldError("has to be bits, like 0x1e100000")
    return int(value, 16)


def integer(value: object) -> int:
    if type(value) is not int or value < 0:
        raise FieldError("has to be a number without sign or fraction")
    return value


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise FieldError("has to be true or false")
    return value


def text(value: object) -> str:
    if not isinstance(value, str):
        raise FieldError("has to be text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FieldError("has to be text without lone surrogates") from None
    return value


def anything(value: object) -> object:
    return value


def network(value: object) -> Network:
    try:
        return Network.from_json(value)
    except NetworkError as error:
        raise FieldError(str(error)) from None


def list_of(read_item: Callable[[object], object]) -> Callable[[object], list]:
    def read(value: object) -> list:
        if not isinstance(value, list):
            raise FieldError("has to be a list")
        return [read_item(item) for item in value]

    return read


HASH = hexadecimal(32)
PUBLIC = hexadecimal(33)
SECRET = hexadecimal(32)
SIGNATURE = hexadecimal(64)
BYTES = hexadecimal()

Schema = dict[str, Callable[[object], object]]


def read_object(value: object, schema: Schema) -> SimpleNamespace:
    """Reads an object with exactly the fields of a schema. Raises FieldError."""
    if not isinstance(value, dict):
        raise FieldError("has to be an object")
    missing, unknown = schema.keys() - value.keys(), value.keys() - schema.keys()
    if missing or unknown:
        raise FieldError(f"fields missing: {sorted(missing)}, fields unknown: {sorted(unknown)}")
    fields = {}
    for name, read in schema.items():
        try:
            fields[name] = read(value[name])
        except FieldError as error:
            raise FieldError(f"{name} {error}") from None
    return SimpleNamespace(**fields)
