"""`format`: verbs as in C's printf, each for one value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from butai.terraform.evaluation.conversion import convert
from butai.terraform.evaluation.graphemes import clusters
from butai.terraform.evaluation.json_text import encoded
from butai.terraform.evaluation.limits import LARGEST_VALUE, BeyondLimits
from butai.terraform.evaluation.number_text import exponent_text, fixed_text, general_text
from butai.terraform.evaluation.numbers import Number
from butai.terraform.evaluation.types import BOOL, NUMBER, STRING
from butai.terraform.evaluation.values import Refused, Value

_VERB = re.compile(
    r"%(?P<flags>[0#\-+ ]*)(?P<width>[1-9][0-9]*)?(?P<precision>\.[0-9]*)?(?:\[(?P<index>[1-9][0-9]*)\])?(?P<mode>[a-zA-Z])"
)
_BASES = {"b": "b", "d": "d", "o": "o", "x": "x", "X": "X"}


@dataclass(frozen=True, slots=True)
class _Verb:
    flags: str
    width: int
    precision: int | None
    mode: str


def formatted(pattern: str, values: Sequence[Value]) -> str:
    """The pattern with the values in it. Raises Refused where one does not fit, or is not used."""
    found: list[str] = []
    place, following, highest = 0, 1, 0
    while (at := pattern.find("%", place)) >= 0:
        found.append(pattern[place:at])
        if pattern.startswith("%%", at):
            found.append("%")
            place = at + 2
            continue
        match = _VERB.match(pattern, at)
        if not match:
            raise Refused
        index = int(match["index"] or following)
        if index > len(values):
            raise Refused
        found.append(_shown(_verb(match), values[index - 1]))
        following, highest, place = index + 1, max(highest, index), match.end()
    if highest < len(values):
        raise Refused
    return "".join([*found, pattern[place:]])


def _verb(match: re.Match[str]) -> _Verb:
    width = int(match["width"] or 0)
    precision = None if match["precision"] is None else int(match["precision"][1:] or 0)
    if max(width, precision or 0) > LARGEST_VALUE:
        raise BeyondLimits
    return _Verb(match["flags"], width, precision, match["mode"])


def _shown(verb: _Verb, value: Value) -> str:
    if verb.mode == "v":
        return _padded(verb, _as_it_is(verb, value))
    if value.is_null:
        raise Refused
    if verb.mode == "t":
        return "true" if convert(value, BOOL).raw else "false"
    if verb.mode in {"s", "q"}:
        text = convert(value, STRING).raw
        if verb.precision:
            text = "".join(clusters(text)[: verb.precision])
        return _padded(verb, encoded(text) if verb.mode == "q" else text)
    if verb.mode in _BASES:
        return _integer(verb, convert(value, NUMBER).raw)
    if verb.mode in {"e", "E", "f", "g", "G"}:
        return _float(verb, convert(value, NUMBER).raw)
    raise Refused


def _as_it_is(verb: _Verb, value: Value) -> str:
    if "#" not in verb.flags and isinstance(value.raw, str):
        return value.raw
    if "#" not in verb.flags and isinstance(value.raw, Number):
        return general_text(value.raw)
    return encoded(value)


def _padded(verb: _Verb, text: str) -> str:
    if not verb.width:
        return text
    missing = verb.width - len(clusters(text))
    padding = ("0" if "0" in verb.flags else " ") * missing
    return text + padding if "-" in verb.flags else padding + text


def _integer(verb: _Verb, number: Number) -> str:
    if not number.is_whole:
        raise Refused
    value = number.truncated()
    digits = f"{abs(value):{_BASES[verb.mode]}}"
    if verb.precision == 0 and value == 0:
        return ""
    digits = digits.rjust(verb.precision or 0, "0")
    prefix = {"o": "0", "x": "0x", "X": "0X", "b": "0b"}.get(verb.mode, "") if "#" in verb.flags else ""
    sign = _sign(verb, value < 0)
    return _filled(verb, sign + prefix, digits, fills=verb.precision is None)


def _float(verb: _Verb, number: Number) -> str:
    places = 6 if verb.precision is None else verb.precision
    match verb.mode.lower():
        case "e":
            text = exponent_text(number, places)
        case "f":
            text = fixed_text(number, places)
        case _:
            text = general_text(number, verb.precision)
    text = text.upper() if verb.mode.isupper() else text
    return _filled(verb, _sign(verb, text.startswith("-")), text.removeprefix("-"), fills=True)


def _sign(verb: _Verb, is_negative: bool) -> str:
    return "-" if is_negative else "+" if "+" in verb.flags else " " if " " in verb.flags else ""


def _filled(verb: _Verb, before: str, digits: str, fills: bool) -> str:
    missing = verb.width - len(before) - len(digits)
    if "-" in verb.flags:
        return before + digits + " " * missing
    if "0" in verb.flags and fills:
        return before + "0" * missing + digits
    return " " * missing + before + digits
