"""Listener rules: patterns, priorities, weights and redirects."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.localcloud.rules import (
    FixedResponse,
    Forward,
    Redirect,
    Rule,
    choose,
    host_of,
    location,
    pick_group,
    wildcard,
)

pytestmark = pytest.mark.model

NOTHING = FixedResponse(404, "text/plain", "")


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*", "", True), ("*", "/a\nb", True), ("/api/*", "/api/x/y", True), ("/api/*", "/api", False),
        ("/img/?.png", "/img/1.png", True), ("/img/?.png", "/img/12.png", False), ("/a.b", "/axb", False),
        ("/[ab]", "/a", False), ("/[ab]", "/[ab]", True), ("*-api.localhost", "qa-1-api.localhost", True),
    ],
)  # fmt: skip
def test_wildcards(pattern: str, text: str, fits: bool) -> None:
    assert bool(wildcard(pattern).fullmatch(text)) is fits


@given(st.text(alphabet="ab/.*?[]^$\\", max_size=20))
def test_a_text_fits_its_own_pattern(text: str) -> None:
    assert wildcard(text).fullmatch(text)


def test_hosts_have_no_case_and_paths_have() -> None:
    rule = Rule(1, NOTHING, hosts=("QA-1.localhost",), paths=("/Api",))
    assert rule.matches("qa-1.LOCALHOST", "/Api")
    assert not rule.matches("qa-1.localhost", "/api")


def test_all_conditions_hold_and_one_pattern_of_each_suffices() -> None:
    rule = Rule(1, NOTHING, hosts=("a", "b"), paths=("/x", "/y"))
    assert rule.matches("b", "/x")
    assert not rule.matches("c", "/x") and not rule.matches("a", "/z")


def test_a_condition_that_nobody_evaluates_never_matches() -> None:
    assert not Rule(1, NOTHING, hosts=("a",), other_conditions=("source-ip",)).matches("a", "/")


def test_the_lowest_priority_wins_and_the_default_comes_last() -> None:
    default, late, early = Rule(1_000_000, NOTHING), Rule(20, NOTHING, hosts=("a",)), Rule(3, NOTHING, paths=("/x",))
    rules = [default, late, early]
    assert choose(rules, "a", "/x") is early
    assert choose(rules, "a", "/") is late
    assert choose(rules, "b", "/") is default
    assert choose([late], "b", "/") is None


@given(st.lists(st.tuples(st.uuids().map(str), st.integers(0, 20)), max_size=5), st.integers(0, 10**6))
def test_weights_are_kept_exactly_over_a_round(groups: list[tuple[str, int]], start: int) -> None:
    total = sum(weight for _, weight in groups)
    picked = Counter(pick_group(Forward(tuple(groups)), start + turn) for turn in range(total or 1))
    if total:
        assert picked == {arn: weight for arn, weight in groups if weight}
    else:
        assert set(picked) == {None}


@pytest.mark.parametrize(
    ("header", "name"),
    [("qa-1.localhost", "qa-1.localhost"), ("qa-1.localhost:8080", "qa-1.localhost"), ("[::1]:80", "[::1]"), ("", "")],
)
def test_host_of(header: str, name: str) -> None:
    assert host_of(header) == name


@pytest.mark.parametrize(
    ("redirect", "to"),
    [
        (Redirect(301), "http://a.localhost:8080/x/y?q=1"),
        (Redirect(301, protocol="HTTPS", port="443"), "https://a.localhost/x/y?q=1"),
        (Redirect(302, host="www.#{host}", path="/new/#{path}", query=""), "http://www.a.localhost:8080/new/x/y"),
    ],
)
def test_redirects(redirect: Redirect, to: str) -> None:
    assert location(redirect, protocol="http", host="a.localhost", port=8080, path="/x/y", query="q=1") == to


def test_what_a_request_says_is_never_read_as_a_placeholder() -> None:
    to = location(Redirect(302), protocol="http", host="a", port=80, path="/#{port}", query="#{host}")
    assert to == "http://a/#{port}?#{host}"
