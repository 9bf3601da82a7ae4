"""What the proxy reads in calls and answers: as much as it has to, and never more than it understands."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from butai.terraform.accelerator.protocol import (
    configuration,
    has_errors,
    is_creation,
    is_current,
    misses,
    names,
    parse_call,
    relative_paths,
    trimmed,
    versions,
    words,
)
from butai.terraform.accelerator.wire import encoded, fields

MAPS, NO_MAPS = (2, 3, 7, 8, 9, 10, 11), (1, 4, 5, 6, 12, 99)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
# (field, name or none, contents): an entry of a map, or a field that the proxy knows nothing of.
ENTRIES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(MAPS), NAMES, st.binary(max_size=40)),
        st.tuples(st.sampled_from(NO_MAPS), st.none(), st.binary(max_size=40)),
    )
)
Entry = tuple[int, str | None, bytes]


def _bytes(entry: Entry) -> bytes:
    number, name, contents = entry
    return encoded(number, contents if name is None else encoded(1, name.encode()) + encoded(2, contents))


def _schema(entries: list[Entry]) -> bytes:
    return b"".join(map(_bytes, entries))


def dynamic(value: Any) -> bytes:
    return encoded(1, msgpack.packb(value))


@given(ENTRIES)
def test_with_all_names_a_schema_stays_as_it_is(entries: list[Entry]) -> None:
    schema = _schema(entries)
    assert names(schema) == {name for _, name, _ in entries if name is not None}
    assert trimmed(schema, names(schema)) == schema


@given(ENTRIES, st.sets(NAMES))
def test_trimmed_keeps_what_is_named_and_what_it_does_not_know(entries: list[Entry], more: set[str]) -> None:
    there = [name for _, name, _ in entries if name]
    keep = frozenset(there[::2]) | more
    assert trimmed(_schema(entries), keep) == _schema([each for each in entries if each[1] is None or each[1] in keep])


@given(st.binary(max_size=200), st.frozensets(NAMES))
def test_what_is_no_schema_is_not_trimmed(given_bytes: bytes, keep: frozenset[str]) -> None:
    left = trimmed(given_bytes, keep)
    try:
        known = {given_bytes[each.start : each.end] for each in fields(given_bytes)}
    except ValueError:
        assert left == given_bytes
    else:
        assert {left[each.start : each.end] for each in fields(left)} <= known


def test_a_name_that_is_no_text_leaves_the_schema_whole() -> None:
    schema = encoded(2, encoded(1, b"\xff\xfe")) + encoded(2, encoded(1, b"aws_vpc"))
    assert trimmed(schema, frozenset()) == schema


@given(st.dictionaries(NAMES, st.integers(0, 126)), ENTRIES)
def test_versions_are_those_of_resource_types_alone(known: dict[str, int], others: list[Entry]) -> None:
    described = [
        encoded(
            2,
            encoded(1, name.encode()) + encoded(2, (b"\x08" + bytes([version]) if version else b"") + encoded(2, b"b")),
        )
        for name, version in known.items()
    ]
    schema = b"".join(described) + _schema([each for each in others if each[0] != 2])
    assert versions(schema) == known
    for name, version in known.items():
        asked = encoded(1, name.encode()) + b"\x10" + bytes([version])
        assert is_current(asked, known) and not is_current(asked + b"\x10" + bytes([version + 1]), known)
    assert not is_current(encoded(1, b"no such type"), known) and not is_current(b"\x0a", known)


@given(ENTRIES)
def test_a_configuration_is_the_request_without_field_3(entries: list[Entry]) -> None:
    request = _schema(entries)
    assert configuration(request) == _schema([each for each in entries if each[0] != 3])


def test_planning_and_applying_configure_alike() -> None:
    told = encoded(1, b"1.11.4") + encoded(2, dynamic({"region": "ap-northeast-1"}))
    assert configuration(told + encoded(3, b"\x08\x01")) == configuration(told + encoded(3, b"")) == told
    assert configuration(told) != configuration(encoded(1, b"1.11.4") + encoded(2, dynamic({"region": "us-east-1"})))
    assert configuration(b"\xff") == b"\xff", "what cannot be read is taken as it is"


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (b"", False),
        (encoded(1, b"\x08\x01"), True),
        (encoded(1, b"\x08\x02"), False),
        (encoded(1, b"\x08\x02") + encoded(1, encoded(2, b"words") + b"\x08\x01"), True),
        (encoded(1, encoded(2, b"no severity")), False),
        (encoded(2, b"\x08\x01"), False),
        (b"\xff", True),
        (encoded(1, b"\xff"), True),
        (encoded(1, encoded(1, b"")), False),
    ],
)
def test_errors_of_a_configure(answer: bytes, wrong: bool) -> None:
    assert has_errors(answer) is wrong


@pytest.mark.parametrize(
    ("prior", "makes"),
    [(None, True), ({"id": "vpc-1"}, False), ({}, False)],
)
def test_a_creation_has_nothing_before_it(prior: object, makes: bool) -> None:
    request = encoded(1, b"aws_vpc") + encoded(2, dynamic(prior)) + encoded(3, dynamic({"id": "x"}))
    assert is_creation(request) is makes


def test_a_prior_state_that_is_not_there_or_not_read_counts_as_a_creation() -> None:
    assert is_creation(encoded(1, b"aws_vpc")) and is_creation(b"\xff") and is_creation(encoded(2, b"\xff"))


UNKNOWN = msgpack.ExtType(0, b"\xd4\x00\x00")
TEXTS = st.text(max_size=20)
CONTENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), TEXTS, st.just(UNKNOWN)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(_texts, value.values()))
    if isinstance(value, list):
        return set().union(*map(_texts, value))
    return {value} if isinstance(value, str) else set()


@given(st.lists(st.tuples(st.integers(1, 40), CONTENTS), max_size=4))
def test_paths_are_found_at_any_depth(values: list[tuple[int, Any]]) -> None:
    request = b"".join(encoded(number, dynamic(value)) for number, value in values)
    every = set().union(*(_texts(value) for _, value in values))
    assert relative_paths(request) == {each for each in every if each and not each.startswith("/")}


def test_a_path_deep_in_a_configuration_with_unknown_values() -> None:
    value = {"a": UNKNOWN, "blocks": [{"id": UNKNOWN, "more": [{"source": "./files/x.txt"}]}], "abs": "/etc/passwd"}
    request = encoded(1, b"aws_s3_object") + encoded(3, dynamic(value)) + b"\x28\x01"
    assert relative_paths(request) == {"./files/x.txt"}


@given(st.binary(max_size=300))
@example(encoded(1, encoded(1, b"\xdd\xff\xff\xff\xff")))
@example(encoded(1, encoded(1, b"\x81\x90\xc0")))
@example(encoded(1, encoded(1, b"\x81\x80\xc0")))
@example(encoded(1, encoded(1, b"\xd6\xff\x00\x00\x00\x00")))
@example(encoded(1, encoded(1, b"\xc7\x0d\xff" + b"\xff" * 12)))
@example(encoded(1, encoded(1, b"\x91" * 200_000 + b"\xc0")))
@example(encoded(1, encoded(1, b"\x91" * 1020 + b"\xc0")))
@example(encoded(2, encoded(1, b"\xa2\xff\xfe")))
def test_nothing_that_comes_along_breaks_the_search_for_paths(request: bytes) -> None:
    assert isinstance(relative_paths(request), set)
    relative_paths(encoded(1, encoded(1, request)))


def test_words_are_all_that_could_be_a_name() -> None:
    text = 'resource "aws_vpc" "a" {\n  x = provider::aws::arn_parse(data.aws_region.r.name)\n}'
    assert {"aws_vpc", "arn_parse", "aws_region"} <= words([text])


@pytest.mark.parametrize(
    ("text", "missed"),
    [
        ('resource "aws_vpc" "aws_no_such" {}', False),
        ('resource "aws_vcp" "x" {}', True),
        ("resource aws_vcp x {}", True),
        ('data "aws_vcp" "x" {}', True),
        ('ephemeral "aws_vcp" "x" {}', True),
        ("x = provider::aws::arn_pars(1)", True),
        ("x = provider::aws::arn_parse(1)", False),
        ('resource "random_id" "x" {}', False),
        ('resource "" "x" {}', False),
        ("# the resource arn", False),
    ],
)
def test_a_name_that_is_missed_is_told_from_another_providers(text: str, missed: bool) -> None:
    assert misses(frozenset({"aws_vpc", "arn_parse"}), words([text])) is missed


def test_a_call_is_taken_apart() -> None:
    call = parse_call("/tfplugin5.Provider/ReadResource")
    assert (call.service, call.method, call.to_provider) == ("tfplugin5.Provider", "ReadResource", True)
    assert not parse_call("/plugin.GRPCController/Shutdown").to_provider
