"""What somebody asked the map to show: all of it stands in the address, which is therefore a permanent link. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

from butai.inventory.model import FOLDERS, Kind

MOST_STEPS: Final = 6
_LONGEST: Final = 1000
_NOTHING: Final = "nothing"

KINDS: Final = tuple(str(each) for each in Kind if each not in FOLDERS and each is not Kind.REPOSITORY)
"""What can be hidden, in the order in which it is offered."""
HIDDEN: Final = frozenset(
    str(each)
    for each in (Kind.PROVIDER, Kind.BACKEND, Kind.SETTINGS, Kind.MOVED, Kind.IMPORT, Kind.REMOVED, Kind.OTHER)
)
"""What is hidden until somebody asks for it: nearly everything is joined to a provider."""


class Colour(StrEnum):
    """What colours say."""

    KIND = "kind"
    AGE = "age"
    CHURN = "churn"
    COST = "cost"
    COVERAGE = "coverage"


@dataclass(frozen=True)
class View:
    """`open`, `shut`: groups that differ from how they are at first. `focus`: a node or group with what is `steps` around it.

    `impact`: a node or group with everything that needs it. `node`: the one that is told about. `commit`: empty for the
    newest one.
    """

    open: tuple[str, ...] = ()
    shut: tuple[str, ...] = ()
    focus: str = ""
    steps: int = 2
    impact: str = ""
    hide: frozenset[str] = HIDDEN
    colour: Colour = Colour.KIND
    search: str = ""
    node: str = ""
    commit: str = ""

    @property
    def query(self) -> str:
        """What stands behind the `?` of the address; what is as usual is left out."""
        return urlencode(self.pairs)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The same as names and values."""
        return list(self._pairs())

    def _pairs(self) -> Iterator[tuple[str, str]]:
        yield from (("open", each) for each in self.open)
        yield from (("shut", each) for each in self.shut)
        for name in ("focus", "impact", "search", "node", "commit"):
            if value := getattr(self, name):
                yield name, value
        if self.steps != View.steps:
            yield "steps", str(self.steps)
        if self.hide != HIDDEN:
            yield from (("hide", each) for each in sorted(self.hide) or [_NOTHING])
        if self.colour is not Colour.KIND:
            yield "colour", self.colour

    @property
    def drawing(self) -> tuple[object, ...]:
        """What of it a picture depends on; the rest is colour and words."""
        return self.open, self.shut, self.focus, self.steps, self.impact, self.hide

    def opened(self, group: str) -> View:
        """With a group open."""
        return replace(
            self, open=(*(each for each in self.open if each != group), group), shut=_without(self.shut, group)
        )

    def closed(self, group: str) -> View:
        """With a group closed."""
        return replace(
            self, shut=(*(each for each in self.shut if each != group), group), open=_without(self.open, group)
        )

    def toggled(self, kind: str) -> View:
        """With a kind hidden that was not, or the other way."""
        return replace(self, hide=self.hide ^ {kind})

    def selected(self, node: str) -> View:
        """With the panel of a node."""
        return replace(self, node=node)

    def focused(self, node: str, steps: int = 2) -> View:
        """Only a node or group, and what is so many steps around it."""
        return replace(self, focus=node, steps=steps, impact="", node=node, open=(), shut=())

    def reached(self, node: str) -> View:
        """Only a node or group and everything that needs it."""
        return replace(self, impact=node, focus="", steps=View.steps, node=node, open=(), shut=())

    def whole(self) -> View:
        """Everything again."""
        return replace(self, focus="", impact="", steps=View.steps, open=(), shut=())

    def searched(self, words: str) -> View:
        """With a search, or without."""
        return replace(self, search=words)

    def coloured(self, colour: Colour) -> View:
        """With other colours."""
        return replace(self, colour=colour)

    def at(self, commit: str) -> View:
        """Of one commit, for good."""
        return replace(self, commit=commit)


def read_view(pairs: Iterable[tuple[str, str]]) -> View:
    """A view out of an address's parameters. What it cannot mean is left out: links live long."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if value and len(value) <= _LONGEST:
            found.setdefault(name, []).append(value)
    last = {name: values[-1] for name, values in found.items()}
    steps = int(last["steps"]) if last.get("steps", "").isdecimal() else View.steps
    colour = last.get("colour", "")
    hide = found.get("hide")
    return View(
        open=tuple(dict.fromkeys(found.get("open", ()))),
        shut=tuple(dict.fromkeys(found.get("shut", ()))),
        focus=last.get("focus", ""),
        steps=min(max(steps, 1), MOST_STEPS),
        impact="" if "focus" in last else last.get("impact", ""),
        hide=HIDDEN if hide is None else frozenset(hide).intersection(KINDS),
        colour=Colour(colour) if colour in set(Colour) else Colour.KIND,
        search=last.get("search", "").strip(),
        node=last.get("node", ""),
        commit=last.get("commit", ""),
    )


def _without(groups: tuple[str, ...], group: str) -> tuple[str, ...]:
    return tuple(each for each in groups if each != group)
