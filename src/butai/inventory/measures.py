"""What can be said of a node in a figure, and the steps of colour that figures are shown in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from butai.inventory.view import Colour

Figures = Mapping[str, float | None]
"""A figure of a node by its id; what is not in it is not known."""


@dataclass(frozen=True)
class Changes:
    """How a node came about in git: when it was first and last changed, and how often in the last days."""

    first_at: datetime
    last_at: datetime
    in_30_days: int
    in_90_days: int
    in_365_days: int


History = Mapping[str, Changes]
"""By node id; what is not in it is not known."""

STEPS: Final[Mapping[Colour, tuple[float, ...]]] = {
    Colour.AGE: (30, 90, 365, 730),
    Colour.CHURN: (1, 3, 10, 30),
    Colour.COST: (1, 10, 100, 1000),
    Colour.COVERAGE: (25, 50, 75, 100),
}
"""Where each next step begins: days since the last change, changes in a year, US dollars a month, per cent."""
UNKNOWN: Final = "unknown"


def age_and_churn(history: History, now: datetime) -> Mapping[Colour, Figures]:
    """Days since the last change, and changes in a year."""
    return {
        Colour.AGE: {node: (now - each.last_at).days for node, each in history.items()},
        Colour.CHURN: {node: each.in_365_days for node, each in history.items()},
    }


def step(colour: Colour, figure: float | None) -> str:
    """The step of a figure, `step-0` to `step-4`, or `unknown`."""
    if figure is None:
        return UNKNOWN
    return f"step-{sum(1 for each in STEPS[colour] if figure >= each)}"


def of_group(colour: Colour, figures: list[float | None]) -> float | None:
    """What a closed group is coloured by: its oldest, its most changed, what it costs together, its least covered."""
    known = [each for each in figures if each is not None]
    if not known:
        return None
    return sum(known) if colour is Colour.COST else min(known) if colour is Colour.COVERAGE else max(known)
