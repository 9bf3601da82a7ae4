"""Which attributes a plan would change, as `show -json` tells them. Pure. A plan holds every value, secret ones too.

What is sensitive, or has anything sensitive in it, leaves this file as a word; so does what only an apply will tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from butai.terraform.text import plain

HIDDEN, LATER = "(sensitive)", "known after apply"
OUTPUTS = "outputs"
LONGEST = 80
AT_MOST = 12
# A thing that is made or destroyed whole has no attribute that differs: all of them do.
CHANGES = (["update"], ["delete", "create"], ["create", "delete"])
SIDES = (("before", "after"), ("before_sensitive", "after_sensitive"))


@dataclass(frozen=True)
class Attribute:
    """One attribute that differs: its path, what it is and what an update would make of it, as JSON or as a word.

    `forces`: it is why the thing would be made anew. `in_code`: an update would put it back, as far as that is known.
    """

    path: str
    before: str
    after: str
    forces: bool = False
    in_code: bool = True


@dataclass(frozen=True)
class Changed:
    """The first attributes of one address that differ, and how many more there are."""

    address: str
    attributes: Sequence[Attribute]
    more: int

    @property
    def in_code(self) -> bool:
        """Whether an update would put any of it back. What could not be read may be."""
        return not self.attributes or any(each.in_code for each in self.attributes)


@dataclass(frozen=True)
class _Node:
    """One place in a thing: both values, and what the plan marks there (true, or parts that are)."""

    before: Any
    after: Any
    unknown: Any
    hidden_before: Any
    hidden_after: Any

    @property
    def hidden(self) -> bool:
        return _any(self.hidden_before) or _any(self.hidden_after)

    def part(self, key: Any) -> _Node:
        return _Node(*(_part(each, key) for each in vars(self).values()))

    def keys(self) -> Sequence[Any] | None:
        """The parts to compare one by one; none where only the whole can be compared."""
        if any(mark is True for mark in (self.unknown, self.hidden_before, self.hidden_after)):
            return None
        if isinstance(self.before, dict) and isinstance(self.after, dict):
            told = self.unknown if isinstance(self.unknown, dict) else {}
            return sorted({*self.before, *self.after, *told})
        if isinstance(self.before, list) and isinstance(self.after, list) and len(self.before) == len(self.after):
            return range(len(self.before))
        return None


def changed(plan: Mapping[str, Any]) -> Iterator[Changed]:
    """Every address that a plan would change or make anew, and then the outputs as one."""
    for each in plan.get("resource_changes", ()):
        if each["change"]["actions"] in CHANGES and not each.get("deposed"):
            yield first_of(each["address"], list(differing(each["change"])))
    outputs = plan.get("output_changes", {})
    found = [one for name in sorted(outputs) for one in differing(outputs[name], name)]
    if found:
        yield first_of(OUTPUTS, found)


def differing(change: Mapping[str, Any], name: str = "") -> Iterator[Attribute]:
    """The attributes that differ in one change of a plan; `name` stands before their paths."""
    marks = (change.get(mark) for mark in ("after_unknown", "before_sensitive", "after_sensitive"))
    forcing = {tuple(path) for path in change.get("replace_paths", ())}
    for path, node in _walked((), _Node(change.get("before"), change.get("after"), *marks)):
        forces = any(path[: len(each)] == each or each[: len(path)] == path for each in forcing)
        yield Attribute(plain(name + _words(path, first=not name)), *_shown(node), forces=forces)


def _walked(path: tuple[Any, ...], node: _Node) -> Iterator[tuple[tuple[Any, ...], _Node]]:
    keys = node.keys()
    if keys is not None:
        for key in keys:
            yield from _walked((*path, key), node.part(key))
    elif _any(node.unknown) or _json(node.before) != _json(node.after):
        yield path, node


def first_of(address: str, found: list[Attribute]) -> Changed:
    """As many of an address's attributes as are told."""
    return Changed(plain(address), found[:AT_MOST], max(0, len(found) - AT_MOST))


def _shown(node: _Node) -> tuple[str, str]:
    before, after = (HIDDEN, HIDDEN) if node.hidden else (_json(node.before), _json(_told(node.after, node.unknown)))
    return _cut(before, LATER if node.unknown is True else after)


def _told(value: Any, unknown: Any) -> Any:
    """The value, with a word in it where only an apply will tell."""
    if unknown is True:
        return LATER
    if isinstance(unknown, dict) and isinstance(value, dict | None):
        known = value or {}
        return (
            {key: _told(known.get(key), unknown.get(key)) for key in {**known, **unknown}} if _any(unknown) else value
        )
    if isinstance(unknown, list) and isinstance(value, list):
        return [_told(each, _part(unknown, index)) for index, each in enumerate(value)]
    return value


def _any(marks: Any) -> bool:
    """Whether anything is marked there."""
    if isinstance(marks, dict | list):
        return any(_any(each) for each in (marks.values() if isinstance(marks, dict) else marks))
    return marks is True


def _part(whole: Any, key: Any) -> Any:
    if isinstance(whole, dict):
        return whole.get(key)
    return whole[key] if isinstance(whole, list) and isinstance(key, int) and key < len(whole) else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _words(path: tuple[Any, ...], *, first: bool) -> str:
    """A path as it is written in code: `ingress[0].cidr_blocks`, `tags["aws:name"]`."""
    said = ""
    for key in path:
        named = isinstance(key, str) and key.replace("-", "_").isidentifier()
        said += (f".{key}" if said or not first else key) if named else f"[{_json(key)}]"
    return said


def _cut(one: str, other: str) -> tuple[str, str]:
    """Both short enough to be read, from a little before the place where they differ."""
    pairs = enumerate(zip(one, other, strict=False))
    same = next((index for index, (mine, its) in pairs if mine != its), min(len(one), len(other)))
    start = same - LONGEST // 4 if max(len(one), len(other)) > LONGEST and same > LONGEST // 2 else 0
    return _readable(one, start), _readable(other, start)


def _readable(words: str, start: int) -> str:
    end = start + LONGEST
    return plain(("…" if start else "") + words[start:end] + ("…" if len(words) > end else ""))
