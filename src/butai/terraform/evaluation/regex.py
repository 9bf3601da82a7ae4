"""Regular expressions as Go has them: found in time that grows with the text alone, the leftmost match first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from butai.terraform.evaluation.limits import LARGEST_VALUE, BeyondLimits
from butai.terraform.evaluation.regex_machine import Program, compiled
from butai.terraform.evaluation.regex_syntax import parse
from butai.terraform.evaluation.values import Refused


@dataclass(frozen=True, slots=True)
class Match:
    """A match: its whole text, and those of the groups (none for one that took no part) with their names (or "")."""

    text: str
    names: tuple[str, ...]
    groups: tuple[str | None, ...]


def find(pattern: str, text: str) -> Match | None:
    """The first match. Raises Refused for a wrong pattern or mixed groups, and BeyondLimits."""
    program, names = _program(pattern, text)
    found = program.run(text, 0)
    return _match(text, found, names) if found else None


def find_all(pattern: str, text: str) -> tuple[tuple[str, ...], list[Match]]:
    """The groups' names, and all matches that do not overlap. Raises as `find` does."""
    program, names = _program(pattern, text)
    return names, [_match(text, each, names) for each in _all(program, text)]


def replace(pattern: str, text: str, replacement: str) -> str:
    """The text with `replacement` for each match; `$1` and `${name}` in it stand for groups. Raises as `find` does."""
    tree = parse(pattern)
    _check_folding(tree.folds, pattern, text)
    program, names = compiled(tree), tree.names
    found, end, length = [], 0, 0
    for spans in _each(program, text):
        start, stop = spans[0] or 0, spans[1] or 0
        found.append(text[end:start])
        # Not for an empty match right behind another one.
        if stop > end or start == 0:
            found.append(_expanded(replacement, text, spans, names))
        end = stop
        length += len(found[-1])
        if length > 16 * LARGEST_VALUE:
            raise BeyondLimits
    return "".join([*found, text[end:]])


def _program(pattern: str, text: str) -> tuple[Program, tuple[str, ...]]:
    tree = parse(pattern)
    _check_folding(tree.folds, pattern, text)
    if "" in tree.names and any(tree.names):
        raise Refused
    return compiled(tree), tree.names


def _check_folding(folds: bool, pattern: str, text: str) -> None:
    if folds and not (pattern.isascii() and text.isascii()):
        raise BeyondLimits


Spans = tuple[int | None, ...]


def _all(program: Program, text: str) -> Iterator[Spans]:
    place, before = 0, -1
    while place <= len(text) and (found := program.run(text, place)):
        start, end = found[0] or 0, found[1] or 0
        is_empty_behind = end == place and start == before
        place = place + 1 if end == place else end
        before = end
        if not is_empty_behind:
            yield found


def _each(program: Program, text: str) -> Iterator[Spans]:
    place = 0
    while place <= len(text) and (found := program.run(text, place)):
        yield found
        place = max(place + 1, found[1] or 0)


def _match(text: str, spans: Spans, names: tuple[str, ...]) -> Match:
    groups = tuple(_group(text, spans, number + 1) for number in range(len(names)))
    return Match(text[spans[0] : spans[1]], names, groups)


def _group(text: str, spans: Spans, number: int) -> str | None:
    start, end = spans[2 * number : 2 * number + 2] if 2 * number + 1 < len(spans) else (None, None)
    return None if start is None or end is None else text[start:end]


def _expanded(replacement: str, text: str, spans: Spans, names: tuple[str, ...]) -> str:
    found: list[str] = []
    before, sign, rest = replacement.partition("$")
    while sign:
        found.append(before)
        name, after = ("$", rest[1:]) if rest.startswith("$") else _group_name(rest)
        found.append("$" if name in {"", "$"} else _named(name, text, spans, names))
        before, sign, rest = after.partition("$")
    return "".join([*found, before])


def _group_name(text: str) -> tuple[str, str]:
    """The name at the beginning, `1` or `{name}`, and what follows; empty where there is none."""
    inner = text.removeprefix("{")
    size = next(
        (at for at, each in enumerate(inner) if not (each.isalpha() or each.isdecimal() or each == "_")), len(inner)
    )
    if size == 0 or (inner is not text and inner != text and inner[size : size + 1] != "}"):
        return "", text
    return inner[:size], inner[size + (inner != text) :]


def _named(name: str, text: str, spans: Spans, names: tuple[str, ...]) -> str:
    is_number = name.isascii() and name.isdigit() and len(name) < 9 and (name == "0" or name[0] != "0")
    if is_number:
        return _group(text, spans, int(name)) or ""
    found = (_group(text, spans, place + 1) for place, each in enumerate(names) if each == name)
    return next((each for each in found if each is not None), "")
