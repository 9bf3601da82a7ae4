"""Protocol buffers on the wire, as far as a proxy has to look into them: fields of a message, without any schema.

Encoding: https://protobuf.dev/programming-guides/encoding/. Nothing here decodes a value; unknown fields stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VARINT, FIXED_64, LENGTH, FIXED_32 = 0, 1, 2, 5
_FIXED = {FIXED_64: 8, FIXED_32: 4}


class WireError(ValueError):
    """These bytes are no message."""


@dataclass(frozen=True)
class Field:
    """One field: its number and kind, where it begins and ends in the message, and where its value begins."""

    number: int
    kind: int
    start: int
    value: int
    end: int


def fields(message: bytes) -> Iterator[Field]:
    """The fields of a message in their order. Raises WireError where it is none (groups, long gone, count as such)."""
    at = 0
    while at < len(message):
        tag, value = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == LENGTH:
            length, value = _varint(message, value)
            end = value + length
        elif kind == VARINT:
            end = _varint(message, value)[1]
        elif kind in _FIXED:
            end = value + _FIXED[kind]
        else:
            raise WireError(f"wire type {kind} at {at}")
        if number == 0 or end > len(message):
            raise WireError(f"field {number} at {at} ends at {end} of {len(message)}")
        yield Field(number, kind, at, value, end)
        at = end


def values(message: bytes, number: int) -> list[bytes]:
    """The values of a field that holds bytes, text or messages; empty where it is not there."""
    return [message[each.value : each.end] for each in fields(message) if (each.number, each.kind) == (number, LENGTH)]


def last(message: bytes, number: int) -> bytes:
    """The value that counts of a field that is set at most once; empty where it is not set."""
    return (values(message, number) or [b""])[-1]


def number(message: bytes, field: int) -> int:
    """The value that counts of a field that is a number set at most once; 0 where it is not set."""
    found = [each for each in fields(message) if (each.number, each.kind) == (field, VARINT)]
    return _varint(message, found[-1].value)[0] if found else 0


def encoded(number: int, value: bytes) -> bytes:
    """A field with bytes, a text or a message as its value."""
    return _as_varint(number << 3 | LENGTH) + _as_varint(len(value)) + value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends."""
    result = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise WireError("ends in the middle of a number")
        byte = message[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
    raise WireError(f"a number of more than ten bytes before {at}")


def _as_varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
