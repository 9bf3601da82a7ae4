"""Types, conversions between them, and the numbers and patterns that values are made with."""

from __future__ import annotations

import re
from decimal import Decimal, getcontext
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from butai.terraform.evaluation import numbers, regex
from butai.terraform.evaluation.conversion import convert
from butai.terraform.evaluation.declared_types import NoType, parse_type
from butai.terraform.evaluation.limits import BeyondLimits
from butai.terraform.evaluation.number_text import plain_text
from butai.terraform.evaluation.types import (
    ANY,
    BOOL,
    NUMBER,
    OPEN,
    STRING,
    Kind,
    Type,
    list_type,
    map_type,
    object_type,
    set_type,
    tuple_type,
)
from butai.terraform.evaluation.unification import can_convert, unify
from butai.terraform.evaluation.values import NOT_KNOWN, Refused, SetValue, Value, from_plain, plain
from butai.terraform.hcl_literals import UNKNOWN

PLAIN = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-9, 99), st.sampled_from(["", "a", "true", "1.50"]), st.just(UNKNOWN)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.lists(st.sampled_from(["x", "y"]), max_size=2).map(SetValue),
    ),
    max_leaves=8,
)
VALUES = PLAIN.map(from_plain)
TYPES = st.recursive(
    st.sampled_from([STRING, NUMBER, BOOL, ANY]),
    lambda inner: st.one_of(
        inner.map(list_type),
        inner.map(set_type),
        inner.map(map_type),
        st.lists(inner, max_size=3).map(tuple_type),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(object_type),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(
            lambda found: Type(Kind.OBJECT, attributes=found, optional=frozenset(found))
        ),
    ),
    max_leaves=5,
)


# Most values fit in few types: those pairs are left out, and as many others are tried.
@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(VALUES, TYPES)
def test_converting_twice_changes_nothing_more(value: Value, wanted: Type) -> None:
    try:
        once = convert(value, wanted)
        twice = convert(once, wanted)
    except (Refused, BeyondLimits):
        assume(False)
    assert plain(twice) == plain(once)


@given(VALUES)
def test_a_value_has_the_type_it_says(value: Value) -> None:
    assert convert(value, value.type) is value
    assert plain(from_plain(plain(value))) == plain(value)


@given(st.lists(TYPES.map(Type.of_values), min_size=1, max_size=4))
def test_the_common_type_takes_all_of_them(types: list[Type]) -> None:
    common = unify(types)
    assert unify([types[0]] * 3) == types[0]
    assert common is None or all(each == common or can_convert(each, common) for each in types)


@given(st.lists(st.sampled_from([STRING, NUMBER, BOOL]), min_size=1, max_size=3))
def test_the_order_of_primitive_types_does_not_matter(types: list[Type]) -> None:
    assert len({repr(unify(each)) for each in permutations(types)}) == 1


@pytest.mark.parametrize(
    ("types", "common"),
    [
        ([STRING, OPEN], STRING),
        ([NUMBER, OPEN], OPEN),
        ([list_type(NUMBER), OPEN], OPEN),
        ([tuple_type([NUMBER]), tuple_type([OPEN])], tuple_type([OPEN])),
        ([ANY, OPEN], OPEN),
        ([NUMBER, BOOL], None),
    ],
)
def test_what_has_a_type_that_is_not_known_decides_nothing(types: list[Type], common: Type | None) -> None:
    assert unify(types) == common


def test_a_known_value_beside_one_of_a_type_that_is_not_known_is_not_known() -> None:
    assert convert(from_plain(1), OPEN) is NOT_KNOWN
    assert plain(convert(from_plain([1, UNKNOWN]), list_type(ANY))) == [UNKNOWN, UNKNOWN]


@pytest.mark.parametrize(
    ("text", "value", "converted"),
    [
        ("", [1], [1]),
        ("any", [1], [1]),
        ("string", 1.5, "1.5"),
        ("number", "7", 7),
        ("set(string)", ["b", 1, "b"], SetValue(["1", "b"])),
        ("map(list(number))", {"a": ["1"]}, {"a": [1]}),
        ("tuple([string, bool])", [1, "true"], ["1", True]),
        ("object({ a = string, b = optional(number) })", {"a": 1, "c": 2}, {"a": "1", "b": None}),
        ("object({ a = string })", {"a": UNKNOWN}, {"a": UNKNOWN}),
        ("list(string)", UNKNOWN, UNKNOWN),
    ],
)
def test_declared_types_are_read(text: str, value: Any, converted: Any) -> None:
    assert plain(convert(from_plain(value), parse_type(text))) == converted


@pytest.mark.parametrize(
    "text", ["strings", '"string"', "list()", "set", "object([])", "tuple({})", "optional(string)", "1", "("]
)
def test_other_texts_are_no_types(text: str) -> None:
    with pytest.raises(NoType):
        parse_type(text)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("a", NUMBER),
        (1, BOOL),
        ([1], STRING),
        ({"a": 1}, list_type(NUMBER)),
        ({}, object_type({"a": STRING})),
        ([1], tuple_type([NUMBER, NUMBER])),
        ([True, 1], list_type(ANY)),
    ],
)
def test_what_does_not_fit_is_refused(value: Any, wanted: Type) -> None:
    with pytest.raises(Refused):
        convert(from_plain(value), wanted)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=12))
def test_a_number_is_written_as_it_was_read(given_number: Decimal) -> None:
    text = f"{given_number.normalize():f}"
    assume(text not in {"-0", "0"})
    parsed = numbers.parse(text)
    assert parsed and plain_text(parsed) == text


@given(st.integers(-(10**40), 10**40), st.integers(1, 10**20))
def test_quotients_are_rounded_to_512_bits(top: int, bottom: int) -> None:
    getcontext().prec = 200
    left, right = numbers.parse(str(top)), numbers.parse(str(bottom))
    assert left and right
    found = Decimal(plain_text(numbers.divide(left, right)))
    exact = Decimal(top) / Decimal(bottom)
    assert abs(found - exact) <= abs(exact) * Decimal(2) ** -511


# What both languages of patterns have, and in which they agree.
_ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\d", "(a|b)", "(?:ab)", "(a)((b)?)", "^", "$", "\\b", "x"])
_PATTERNS = st.lists(
    st.tuples(_ATOMS, st.sampled_from(["", "", "*", "+", "?", "*?", "{1,2}"])).map("".join), min_size=1, max_size=4
).map("".join)


@given(_PATTERNS, st.text("abx1 ", max_size=8))
def test_patterns_find_what_pythons_find(pattern: str, text: str) -> None:
    # Python and Go differ in what a repeated empty match keeps. Terraform itself is asked in `cases/evaluation`.
    assume(not re.search(r"[\^$b][*+?{]|\?\)[*+{]", pattern))
    found, expected = regex.find(pattern, text), re.search(pattern.replace("$", r"\Z"), text)
    assert (found and (found.text, found.groups)) == (expected and (expected.group(), expected.groups()))


@given(st.text("ab(|)[]*+?{}^$\\.dpQE1-:<>=iU", max_size=12), st.text("ab", max_size=4))
def test_any_pattern_is_refused_or_too_much_or_found(pattern: str, text: str) -> None:
    try:
        regex.find_all(pattern, text)
        regex.replace(pattern, text, "$1${a}$")
    except (Refused, BeyondLimits):
        pass
