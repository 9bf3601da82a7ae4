"""Fields of a message without its schema: they cover it, and nothing that comes along breaks the reader."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from butai.terraform.accelerator.wire import (
    FIXED_32,
    FIXED_64,
    LENGTH,
    VARINT,
    WireError,
    encoded,
    fields,
    last,
    values,
)


def varint(number: int) -> bytes:
    """Written here a second time, so that the reader is not tested with its own writer."""
    digits = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(each | 0x80 for each in digits[:-1]), digits[-1]])


def _field(number: int, kind: int, value: bytes) -> bytes:
    size = varint(len(value)) if kind == LENGTH else b""
    return varint(number << 3 | kind) + size + value


NUMBERS = st.integers(1, 2**29 - 1)
FIELDS = st.one_of(
    st.builds(_field, NUMBERS, st.just(VARINT), st.integers(0, 2**64 - 1).map(varint)),
    st.builds(_field, NUMBERS, st.just(FIXED_64), st.binary(min_size=8, max_size=8)),
    st.builds(_field, NUMBERS, st.just(FIXED_32), st.binary(min_size=4, max_size=4)),
    st.builds(_field, NUMBERS, st.just(LENGTH), st.binary(max_size=300)),
)


@given(st.lists(FIELDS))
def test_fields_cover_a_message_without_gap_or_overlap(parts: list[bytes]) -> None:
    message = b"".join(parts)
    assert [message[each.start : each.end] for each in fields(message)] == parts


@given(st.lists(FIELDS, min_size=1), st.data())
def test_a_message_that_was_cut_is_either_shorter_or_none(parts: list[bytes], data: st.DataObject) -> None:
    message = b"".join(parts)
    cut = data.draw(st.integers(0, len(message) - 1))
    ends = {sum(map(len, parts[:count])) for count in range(len(parts) + 1)}
    if cut in ends:
        assert sum(each.end - each.start for each in fields(message[:cut])) == cut
    else:
        with pytest.raises(WireError):
            list(fields(message[:cut]))


@given(st.binary(max_size=200))
@example(b"\x00\x00")
@example(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")
@example(b"\xff" * 12)
@example(b"\x0b\x0c")
def test_random_bytes_are_a_message_or_a_wire_error(message: bytes) -> None:
    try:
        found = list(fields(message))
    except WireError:
        return
    at = 0
    for each in found:
        assert each.start == at and each.start < each.value <= each.end and each.number > 0
        at = each.end
    assert at == len(message)


@given(NUMBERS, st.binary(max_size=300), st.lists(FIELDS))
def test_what_is_encoded_is_read_again(number: int, value: bytes, others: list[bytes]) -> None:
    message = b"".join(others) + encoded(number, value)
    assert encoded(number, value) == _field(number, LENGTH, value)
    assert values(message, number)[-1] == last(message, number) == value


def test_a_field_that_is_not_there_is_empty() -> None:
    assert values(b"\x08\x01", 1) == [] and last(b"\x08\x01", 1) == b"", "a number is no text"


def test_groups_are_none() -> None:
    with pytest.raises(WireError, match="wire type 3 at 0"):
        list(fields(b"\x0b\x0c"))
