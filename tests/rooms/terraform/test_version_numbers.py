"""Versions and constraints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.terraform.versions import satisfies, version_key


def test_order() -> None:
    ordered = [
        "0.15.3",
        "1.0.0",
        "1.9.8",
        "1.10.0-alpha1",
        "1.10.0-beta.2",
        "1.10.0-beta.10",
        "1.10.0-rc1",
        "1.10.0",
        "1.10.1",
    ]
    mixed = sorted(ordered, key=len)
    assert sorted(mixed, key=version_key) == ordered
    assert version_key("v1.2") == version_key("1.2.0")
    assert version_key("1.2.3+build") == version_key("1.2.3")


@pytest.mark.parametrize("text", ["", "x", "1.2.x", "1..2", "1.2.3.4", "-1", "latest"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        version_key(text)


@pytest.mark.parametrize(
    ("version", "constraint", "met"),
    [
        ("5.100.0", "~> 5.0", True),
        ("5.100.0", "~> 5.99", True),
        ("5.100.0", "~> 5.99.0", False),
        ("6.0.0", "~> 5.0", False),
        ("5.100.0", "~> 5", True),
        ("6.1.0", "~> 5", False),
        ("5.100.0", ">= 5.40, < 6.0", True),
        ("5.100.0", ">= 5.40, != 5.100.0", False),
        ("5.100.0", "5.100.0", True),
        ("5.100.0", "= 5.99.0", False),
        ("5.100.0", "> 5.100.0", False),
        ("5.100.0", "<= 5.100.0", True),
        ("5.100.0", "", True),
        ("6.0.0-beta1", "", False),
        ("6.0.0-beta1", ">= 5.0", False),
        ("6.0.0-beta1", "6.0.0-beta1", True),
        ("6.0.0-beta1", "~> 6.0.0-beta1", True),
    ],
)
def test_constraints(version: str, constraint: str, met: bool) -> None:
    assert satisfies(version, constraint) is met


@pytest.mark.parametrize("constraint", ["=> 5", "~> x", ">= 5 < 6"])
def test_constraints_that_cannot_be_read(constraint: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        satisfies("5.0.0", constraint)


NUMBERS = st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))


@given(NUMBERS, NUMBERS)
def test_numbers_decide(left: tuple[int, int, int], right: tuple[int, int, int]) -> None:
    written = [".".join(map(str, each)) for each in (left, right)]
    assert (version_key(written[0]) < version_key(written[1])) == (left < right)
    assert satisfies(written[0], f">= {written[1]}") == (left >= right)
    assert satisfies(written[0], f"< {written[1]}") == (left < right)
