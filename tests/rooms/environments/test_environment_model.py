"""Names and the headline state."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.environments.model import (
    RESERVED,
    WORDS,
    BadNameError,
    Health,
    Kind,
    LastRun,
    StateView,
    check_name,
    state_of,
    suggest_name,
)
from butai.runs.model import MAIN, READ_ONLY, NextAction, RunEnd, RunKind, RunStatus

pytestmark = pytest.mark.model


@pytest.mark.parametrize("name", ["qa-1", "qa1", "a1", "blue-banner", "x" * 20, "1a"])
def test_good_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "Q",
        "QA-1",
        "qa_1",
        "qa 1",
        "-qa",
        "qa-",
        "qa--1",
        "x" * 21,
        "12",
        "日本",
        "qa\n",
        "main",
        "prod",
        "../x",
    ],
)
def test_bad_names_say_the_rule_and_a_valid_one(name: str) -> None:
    with pytest.raises(BadNameError) as caught:
        check_name(name)
    suggestion = re.search(r"`([^`]+)`", caught.value.next)
    assert suggestion is not None
    assert check_name(suggestion[1]) == suggestion[1]


def test_a_blueprint_can_want_shorter_names() -> None:
    assert check_name("x" * 14, longest=14)
    with pytest.raises(BadNameError, match="2 to 14"):
        check_name("x" * 15, longest=14)


@given(st.text(max_size=40), st.integers(4, 20))
def test_a_suggestion_is_valid_or_empty(wish: str, longest: int) -> None:
    suggestion = suggest_name(wish, longest=longest)
    if suggestion and suggestion not in RESERVED and not suggestion.isdigit() and len(suggestion) >= 2:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", suggestion)
        assert len(suggestion) <= longest


CHANGING = sorted((set(RunKind) - READ_ONLY) | {RunKind.LOOK})


def ended(kind: RunKind, end: RunEnd) -> LastRun:
    return LastRun(kind, RunStatus.ENDED, end)


@pytest.mark.parametrize(
    ("run", "health", "more", "shown"),
    [
        (LastRun(RunKind.CREATE, RunStatus.QUEUED), Health.UNKNOWN, {}, StateView(Kind.BUSY, "Queued")),
        (LastRun(RunKind.CREATE, RunStatus.RUNNING), Health.UNKNOWN, {}, StateView(Kind.BUSY, "Creating")),
        (LastRun(RunKind.DESTROY, RunStatus.RUNNING), Health.READY, {}, StateView(Kind.BUSY, "Destroying")),
        (ended(RunKind.CREATE, RunEnd.SUCCEEDED), Health.WAITING, {}, StateView(Kind.BUSY, "Starting")),
        (ended(RunKind.CREATE, RunEnd.SUCCEEDED), Health.READY, {}, StateView(Kind.UP, "Up")),
        (
            ended(RunKind.UPDATE, RunEnd.SUCCEEDED),
            Health.NOT_READY,
            {},
            StateView(Kind.WARN, "Not answering", NextAction.RUN_AGAIN),
        ),
        (
            ended(RunKind.UPDATE, RunEnd.FAILED_BEFORE_CHANGE),
            Health.READY,
            {},
            StateView(Kind.WARN, "Update failed", NextAction.RUN_AGAIN),
        ),
        (ended(RunKind.UPDATE, RunEnd.CANCELLED_BEFORE_CHANGE), Health.READY, {}, StateView(Kind.UP, "Up")),
        (
            ended(RunKind.CREATE, RunEnd.FAILED_BEFORE_CHANGE),
            Health.UNKNOWN,
            {},
            StateView(Kind.DOWN, "Not created", NextAction.RUN_AGAIN),
        ),
        (
            ended(RunKind.CREATE, RunEnd.LOST),
            Health.UNKNOWN,
            {},
            StateView(Kind.DOWN, "Lost", NextAction.CHECK_AND_GO_ON),
        ),
        (
            ended(RunKind.DESTROY, RunEnd.DESTROY_FAILED),
            Health.UNKNOWN,
            {},
            StateView(Kind.DOWN, "Partly destroyed", NextAction.DESTROY_AGAIN),
        ),
        (
            ended(RunKind.DESTROY, RunEnd.SUCCEEDED),
            Health.UNKNOWN,
            {"left_over": True},
            StateView(Kind.WARN, "Look for leftovers", NextAction.DESTROY_AGAIN),
        ),
        (ended(RunKind.DESTROY, RunEnd.SUCCEEDED), Health.UNKNOWN, {"gone": True}, StateView(Kind.OFF, "Destroyed")),
    ],
)
def test_headlines(run: LastRun, health: Health, more: dict[str, bool], shown: StateView) -> None:
    assert state_of(run, health, **more) == shown


def test_only_a_seen_success_with_an_answer_is_up() -> None:
    # A create, an update or a destroy never ends in the other two.
    ends = set(RunEnd) - {RunEnd.SUPERSEDED, RunEnd.NOT_ROLLED_OUT}
    for kind, end, health in product(MAIN, ends, Health):
        state = state_of(ended(kind, end), health)
        if state.kind is Kind.UP:
            assert health is Health.READY
            assert end in (RunEnd.SUCCEEDED, RunEnd.CANCELLED_BEFORE_CHANGE)
            assert kind is not RunKind.DESTROY or end is not RunEnd.SUCCEEDED


def test_every_word_of_a_state_is_in_the_list_for_translators() -> None:
    runs = [LastRun(kind, RunStatus.ENDED, end) for kind, end in product(CHANGING, RunEnd)]
    runs += [LastRun(kind, status) for kind, status in product(CHANGING, (RunStatus.QUEUED, RunStatus.RUNNING))]
    runs += [LastRun(RunKind.UPDATE, RunStatus.RUNNING, lost=True)]
    seen = {
        state_of(run, health, gone=gone, left_over=left, adopted=adopted).word
        for run, health in product(runs, Health)
        for gone, left, adopted in product((False, True), repeat=3)
    }
    assert seen == WORDS
