"""Which environments are updated together, and what a summary of their plans says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.environments.waves import dangerous, left_because, summed, waves

pytestmark = pytest.mark.model


@given(st.lists(st.integers(), unique=True), st.integers(1, 9))
def test_one_first_then_so_many_at_a_time_and_nobody_is_left_out(these: list[int], at_once: int) -> None:
    made = waves(these, at_once)
    assert [each for wave in made for each in wave] == these
    assert all(1 <= len(wave) <= (1 if number == 0 else at_once) for number, wave in enumerate(made))
    assert len(made) == (1 + -(-(len(these) - 1) // at_once) if these else 0)


def shown(**more: Any) -> dict[str, Any]:
    run = {"id": 7, "kind": "update", "end": "succeeded", "settled_at": "2026-01-02T03:04:05Z"}
    state = {"word": "Up", "next_action": "none"}
    return {"last_run": {**run, **more.pop("run", {})}, "state": {**state, **more}}


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        (shown(), ""),
        (shown(word="Not answering", next_action="run-again"), ""),
        (shown(word="Partly applied", next_action="run-again", run={"end": "partially-applied"}), ""),
        (shown(word="Updating", run={"end": None, "settled_at": None}), "run 7 is not over (updating)"),
        (shown(word="Lost", next_action="check-and-go-on", run={"end": "lost"}), "it has to be looked at first (lost)"),
        (shown(word="Not destroyed", run={"kind": "destroy"}), "it has to be looked at first (not destroyed)"),
        (
            shown(word="Not created", run={"kind": "create", "end": "failed-before-any-change"}),
            "there is nothing yet (not created)",
        ),
    ],
)
def test_what_cannot_be_updated_now_is_left_and_says_why(environment: dict[str, Any], why: str) -> None:
    assert left_because(environment) == why


def test_a_plan_in_numbers() -> None:
    def planned(*actions: str) -> list[dict[str, str]]:
        return [{"address": f"a.b{number}", "action": action} for number, action in enumerate(actions)]

    assert summed(planned("create", "replace", "create", "delete")) == "2 to create, 1 to replace, 1 to destroy"
    assert summed([{"address": "outputs", "action": "update"}]) == summed([]) == "no resource changes"
    assert summed(planned("forget", "update")) == "1 to change, 1 other"
    assert dangerous(planned("create", "replace", "delete")) == ["a.b1", "a.b2"]
