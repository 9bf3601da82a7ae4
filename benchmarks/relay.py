"""A relay before AWS that writes down every call."""

from __future__ import annotations

import time
from typing import NamedTuple
from urllib.parse import parse_qs

from support.way import Asked, Way


class Call(NamedTuple):
    """One call: what was asked, and when (monotonic) it was answered."""

    action: str
    answered: float


class Recorder(Way):
    """`calls`: in the order of their answers."""

    def __init__(self, target: str) -> None:
        self.calls: list[Call] = []
        super().__init__(target)

    def before_answer(self, asked: Asked) -> None:
        """Write it down."""
        self.calls.append(Call(_action(asked), time.monotonic()))

    def forget(self) -> None:
        """Begin anew."""
        self.calls = []


def _action(asked: Asked) -> str:
    if asked.target:
        return asked.target.rpartition(".")[2]
    form = parse_qs(asked.body.decode(errors="replace"))
    return form["Action"][0] if "Action" in form else f"{asked.method} {asked.path}"
