"""Updating all environments: which can be, in which waves, and what their plans add up to. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from butai.environments.hold import shown
from butai.text import joined, restored, text

T = TypeVar("T")
FIRST = 1
_VERBS = {
    "create": text("{count} to create"),
    "update": text("{count} to change"),
    "replace": text("{count} to replace"),
    "delete": text("{count} to destroy"),
}


def waves(these: Sequence[T], at_once: int) -> list[Sequence[T]]:
    """One first, to see that it is right; then so many at a time."""
    rest = these[FIRST:]
    return [each for each in (these[:FIRST], *(rest[at:][:at_once] for at in range(0, len(rest), at_once))) if each]


def left_because(environment: Mapping[str, Any]) -> str:
    """Why an environment cannot be updated now; empty when it can."""
    run, word = environment["last_run"], environment["state"]["word"]
    word = restored(word.lower(), {"id": word, "values": {}})
    if held := environment.get("hold"):
        return text("{who} holds it until {until}", who=held["by"], until=shown(held["until"]))
    if run["settled_at"] is None:
        return text("run {run} is not over ({word})", run=run["id"], word=word)
    if environment["state"]["next_action"] in ("check-and-go-on", "destroy-again") or run["kind"] == "destroy":
        return text("it has to be looked at first ({word})", word=word)
    if run["kind"] == "create" and run["end"] in _NOTHING_MADE:
        return text("there is nothing yet ({word})", word=word)
    return ""


_NOTHING_MADE = ("failed-before-any-change", "cancelled-before-any-change", "superseded")


def summed(differences: Iterable[Mapping[str, Any]]) -> str:
    """What a plan would do, in numbers: `2 to create, 1 to replace`."""
    counts = Counter(each["action"] for each in differences if each["address"] != "outputs")
    parts = [text(words, count=counts[action]) for action, words in _VERBS.items() if counts[action]]
    other = sum(count for action, count in counts.items() if action and action not in _VERBS)
    parts += [text("{count} other", count=other)] if other else []
    return joined(", ", parts) if parts else text("no resource changes")


def dangerous(differences: Iterable[Mapping[str, Any]]) -> list[str]:
    """Addresses that a plan would destroy, or make anew."""
    return [each["address"] for each in differences if each["action"] in ("delete", "replace")]
