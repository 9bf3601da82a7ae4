"""Which environments a list shows: by a word for their state, and by words in what they are. Pure."""

from __future__ import annotations

from typing import Any

from butai.environments.views import EnvironmentView

FILTERS: dict[str, Any] = {
    "": lambda _each: True,
    "look": lambda each: each.state.kind in ("warn", "down"),
    "busy": lambda each: each.state.kind == "busy",
}


def matches(environment: EnvironmentView, words: str) -> bool:
    """Whether every word stands somewhere in what people know an environment by."""
    parts = [environment.name, environment.owner, environment.purpose, environment.blueprint, environment.state.word]
    parts += [f"{each.name} {each.branch} {each.commit[:7]}" for each in environment.services]
    text = " ".join(parts).lower()
    return all(word in text for word in words.lower().split())
