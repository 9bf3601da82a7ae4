"""YAML as Terraform reads and writes it: version 1.2's numbers, and version 1.1's `yes` and `on`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

import yaml

from butai.terraform.evaluation import numbers
from butai.terraform.evaluation.conversion import convert
from butai.terraform.evaluation.limits import BeyondLimits
from butai.terraform.evaluation.number_text import plain_text
from butai.terraform.evaluation.numbers import Number
from butai.terraform.evaluation.types import STRING
from butai.terraform.evaluation.values import (
    FALSE,
    NULL,
    TRUE,
    Refused,
    Value,
    count,
    number,
    object_of,
    string,
    tuple_of,
)

_WORDS: dict[str, Value] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], TRUE),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], FALSE),
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], NULL),
}
_INFINITE = frozenset(f"{sign}.{word}" for sign in ("", "+", "-") for word in ("inf", "Inf", "INF"))
_NO_NUMBER = frozenset({".nan", ".NaN", ".NAN"})
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_DATE_AND_TIME = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}[Tt ].*")
_WIDEST = 75
_STRING_TAG = "tag:yaml.org,2002:str"
# Written as they are between quotation marks, whatever version of the library writes them.
_SAFE = re.compile(
    r"[\t\n -~\u00a1-\u00ac\u00ae-\u024f\u0370-\u0373\u0391-\u03c9\u0410-\u044f\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5]*"
)


def decoded(text: str) -> Value:
    """The value of a YAML document. Raises Refused for several or none, and BeyondLimits."""
    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        next(events)
        if not isinstance(next(events), yaml.DocumentStartEvent):
            raise Refused
        found = _Reader(events).value(next(events))
        next(events)
        if not isinstance(next(events), yaml.StreamEndEvent):
            raise Refused
    except (yaml.YAMLError, RecursionError):
        # The libraries differ in what they take for broken.
        raise BeyondLimits from None
    return found


class _Reader:
    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self.events = events
        self.anchors: dict[str, Value] = {}

    def value(self, event: yaml.Event) -> Value:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise Refused
            return self.anchors[event.anchor]
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.ScalarEvent):
            found = self.scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent) and event.tag is None:
            # Not to be used inside of itself.
            self.anchors.pop(anchor or "", None)
            found = self.sequence() if isinstance(event, yaml.SequenceStartEvent) else self.mapping()
        else:
            raise BeyondLimits
        if anchor:
            self.anchors[anchor] = found
        return found

    def scalar(self, event: yaml.ScalarEvent) -> Value:
        found = _resolved(event)
        # A block of text is a text, though one that looks like a number is written as that number.
        return convert(found, STRING) if event.style in {"|", ">"} else found

    def sequence(self) -> Value:
        found: list[Value] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            found.append(self.value(event))
        return tuple_of(found)

    def mapping(self) -> Value:
        found: dict[str, Value] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise Refused
            if event.value == "<<" and event.tag is None:
                found |= self.merged()
                continue
            key = convert(_resolved(event), STRING)
            if key.is_null:
                raise Refused
            found[key.raw] = self.value(next(self.events))
        return object_of(found)

    def merged(self) -> dict[str, Value]:
        value = self.value(next(self.events))
        if not isinstance(value.raw, dict):
            raise Refused
        return value.raw


def _resolved(event: yaml.ScalarEvent) -> Value:
    text = event.value
    if event.tag not in {None, _STRING_TAG}:
        raise BeyondLimits
    if event.tag or event.style in {"'", '"'}:
        return string(text)
    if text in _WORDS:
        return _WORDS[text]
    if text in _NO_NUMBER:
        raise Refused
    if text in _INFINITE or _DATE_AND_TIME.fullmatch(text):
        raise BeyondLimits
    if date := _DATE.fullmatch(text):
        return _midnight(date, text)
    if _OTHER_BASE.fullmatch(text):
        return count(int(text, 0))
    parsed = numbers.parse(text) if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text) else None
    return string(text) if parsed is None else number(parsed)


def _midnight(date: re.Match[str], text: str) -> Value:
    try:
        datetime(int(date[1]), int(date[2]), int(date[3]))
    except ValueError:
        return string(text)
    return string(f"{date[1]}-{int(date[2]):02d}-{int(date[3]):02d}T00:00:00Z")


def encoded(value: Value) -> str:
    """A known value's YAML, keys in order. Raises BeyondLimits for texts whose form is not sure."""
    events = [yaml.StreamStartEvent(), yaml.DocumentStartEvent(explicit=False), *_events(value)]
    events += [yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent()]
    written: str = yaml.emit(events, allow_unicode=True)
    if any(len(line) > _WIDEST and '"' in line and " " in line.strip() for line in written.split("\n")):
        # Long texts go on in the next line, which the libraries mark differently.
        raise BeyondLimits
    # An end mark is for a number alone, which might go on; the library sets it after a text's empty lines too.
    return (
        written if isinstance(value.raw, bool | Number | None) else written.removesuffix("...\n").removeprefix("--- ")
    )


def _events(value: Value | str) -> Iterator[yaml.Event]:
    raw = value if isinstance(value, str) else value.raw
    if isinstance(raw, dict):
        yield yaml.MappingStartEvent(None, None, True, flow_style=False)
        for name in sorted(raw):
            yield from (*_events(name), *_events(raw[name]))
        yield yaml.MappingEndEvent()
    elif isinstance(raw, tuple):
        yield yaml.SequenceStartEvent(None, None, True, flow_style=False)
        for each in raw:
            yield from _events(each)
        yield yaml.SequenceEndEvent()
    else:
        yield _scalar(raw)


def _scalar(raw: str | bool | Number | None) -> yaml.Event:
    if isinstance(raw, str):
        if not _SAFE.fullmatch(raw):
            raise BeyondLimits
        return yaml.ScalarEvent(None, None, (True, True), raw, style="|" if "\n" in raw else '"')
    text = plain_text(raw) if isinstance(raw, Number) else "null" if raw is None else str(raw).lower()
    return yaml.ScalarEvent(None, None, (True, True), text)
