"""Which way a run goes, and where two plans differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.environments.comparing import differences
from butai.environments.way import Circumstances, decide, is_emulated, is_tested

REAL = Circumstances("plans", allowed=True, only_looks=False, emulated=False, checked=False)


@pytest.mark.parametrize(
    ("at", "accelerated", "why"),
    [
        (REAL, False, "real accounts"),
        (replace(REAL, only_looks=True), True, "only looks"),
        (replace(REAL, emulated=True), True, "emulated"),
        (replace(REAL, terms="applies"), False, "has not compared"),
        (replace(REAL, terms="applies", checked=True), True, "found equal"),
        (replace(REAL, checked=True), False, "real accounts"),
        (replace(REAL, terms="off", only_looks=True), False, "`off`"),
        (replace(REAL, terms="off", compares=True), True, "compares"),
        (replace(REAL, only_looks=True, crashed=True), False, "ended by itself"),
        (replace(REAL, compares=True, allowed=False), False, "worker's setting"),
    ],
)
def test_the_way(at: Circumstances, accelerated: bool, why: str) -> None:
    way = decide(at)
    assert way.accelerated is accelerated and why in way.why


@given(
    st.builds(
        Circumstances,
        terms=st.sampled_from(["plans", "applies", "off"]),
        allowed=st.booleans(),
        only_looks=st.booleans(),
        emulated=st.booleans(),
        checked=st.booleans(),
        compares=st.just(False),
        crashed=st.booleans(),
    )
)
def test_a_change_on_a_real_account_goes_the_fast_way_only_where_it_was_asked_for_and_checked(
    at: Circumstances,
) -> None:
    if decide(at).accelerated and not at.only_looks and not at.emulated:
        assert at.allowed and at.checked and at.terms == "applies" and not at.crashed


def test_what_counts_as_emulated_and_as_tested() -> None:
    assert is_emulated({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})
    assert not is_emulated({})
    assert not is_emulated({"AWS_ENDPOINT_URL": "https://proxy.example"})
    here, elsewhere = "http://localhost:1", "https://s3.example"
    assert not is_emulated({"AWS_ENDPOINT_URL": here, "AWS_ENDPOINT_URL_S3": elsewhere})
    assert is_tested("registry.terraform.io/hashicorp/aws", "5.100.0")
    assert not is_tested("registry.terraform.io/hashicorp/aws", "5.99.0")


def test_plans_differ_by_places_and_never_by_what_they_say_of_themselves() -> None:
    one: dict[str, Any] = {
        "timestamp": "1",
        "resource_changes": [{"address": "a.b", "change": {"after": {"x": "secret"}}}],
    }
    other: dict[str, Any] = {**one, "timestamp": "2", "relevant_attributes": [1]}
    assert list(differences(one, other)) == []
    other["resource_changes"] = [{"address": "a.b", "change": {"after": {"x": "other"}}}]
    assert list(differences(one, other)) == ["resource_changes[a.b].change.after.x"]
    assert list(differences(one, {**one, "resource_changes": []})) == ["resource_changes"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values, values)
def test_nothing_differs_from_itself_and_what_differs_is_told(one: Any, other: Any) -> None:
    assert list(differences({"x": one}, {"x": one})) == []
    told = list(differences({"x": one}, {"x": other}))
    assert bool(told) == (one != other)
