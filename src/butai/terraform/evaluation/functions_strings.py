"""Functions of texts."""

from __future__ import annotations

import re
from collections.abc import Callable

from butai.terraform.evaluation import formatting, regex
from butai.terraform.evaluation.graphemes import clusters
from butai.terraform.evaluation.limits import LARGEST_VALUE, BeyondLimits
from butai.terraform.evaluation.signatures import Function, Parameter, whole
from butai.terraform.evaluation.template_parsing import SPACES
from butai.terraform.evaluation.types import ANY, BOOL, NUMBER, OPEN, STRING, Type, list_type
from butai.terraform.evaluation.values import (
    Refused,
    Value,
    boolean,
    list_of,
    null,
    object_of,
    string,
    tuple_of,
    unknown,
)

_LONGEST_TEXT = 16 * LARGEST_VALUE
_LINE_ENDS = re.compile(r"(?:\r\n?|\n)*\Z")
_ASCII_WORD = frozenset("0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def _chomp(text: Value) -> Value:
    return string(_LINE_ENDS.sub("", text.raw, count=1))


def _lower(text: Value) -> Value:
    return string("".join(_one(each.lower()) for each in text.raw))


def _upper(text: Value) -> Value:
    return string("".join(_one(each.upper()) for each in text.raw))


def _title(text: Value) -> Value:
    found: list[str] = []
    is_start = True
    for each in text.raw:
        found.append(_one(each.title()) if is_start else each)
        is_start = each not in _ASCII_WORD if each.isascii() else each in SPACES
    return string("".join(found))


def _one(text: str) -> str:
    """A letter's other case, where it is one letter too. Raises BeyondLimits."""
    if len(text) != 1:
        raise BeyondLimits
    return text


def _strrev(text: Value) -> Value:
    return string("".join(reversed(clusters(text.raw))))


def _substr(text: Value, offset: Value, length: Value) -> Value:
    parts, start, size = clusters(text.raw), whole(offset), whole(length)
    if start >= 0 and size == 0:
        return string("")
    # Before the text's beginning is its beginning; a length of 0 there takes all, as it does in the engine.
    start = max(start + len(parts), 0) if start < 0 else start
    return string("".join(parts[start:] if size <= 0 else parts[start : start + size]))


def _join(separator: Value, *lists: Value) -> Value:
    if not lists:
        raise Refused
    if not all(each.is_known for each in lists):
        return unknown(STRING)
    texts = [part.raw for each in lists for part in each.raw]
    if None in texts:
        raise Refused
    _check(sum(map(len, texts)) + len(separator.raw) * len(texts))
    joined: str = separator.raw.join(texts)
    return string(joined)


def _split(separator: Value, text: Value) -> Value:
    parts = text.raw.split(separator.raw) if separator.raw else list(text.raw)
    return list_of([string(each) for each in parts], STRING)


def _indent(spaces: Value, text: Value) -> Value:
    size = whole(spaces)
    if size < 0:
        raise Refused
    _check(len(text.raw) + size * text.raw.count("\n"))
    return string(text.raw.replace("\n", "\n" + " " * size))


def _replace(text: Value, searched: Value, replacement: Value) -> Value:
    old, new = searched.raw, replacement.raw
    if len(old) > 1 and old[0] == old[-1] == "/":
        return string(regex.replace(old[1:-1], text.raw, new))
    _check(len(text.raw) + len(new) * (text.raw.count(old) if old else len(text.raw) + 1))
    return string(text.raw.replace(old, new))


def _check(length: int) -> None:
    if length > _LONGEST_TEXT:
        raise BeyondLimits


def _trim(text: Value, cut: Value) -> Value:
    return string(text.raw.strip(cut.raw) if cut.raw else text.raw)


def _trimspace(text: Value) -> Value:
    return string(text.raw.strip(SPACES))


def _trimprefix(text: Value, prefix: Value) -> Value:
    return string(text.raw.removeprefix(prefix.raw))


def _trimsuffix(text: Value, suffix: Value) -> Value:
    return string(text.raw.removesuffix(suffix.raw))


def _startswith(text: Value, prefix: Value) -> Value:
    if text.is_unknown:
        return boolean(True) if prefix.raw == "" else unknown(BOOL)
    return boolean(text.raw.startswith(prefix.raw))


def _endswith(text: Value, suffix: Value) -> Value:
    return boolean(text.raw.endswith(suffix.raw))


def _strcontains(text: Value, part: Value) -> Value:
    return boolean(part.raw in text.raw)


def _format(pattern: Value, *values: Value) -> Value:
    if not all(each.is_known for each in values):
        return unknown(STRING)
    return string(formatting.formatted(pattern.raw, values))


def _formatlist(pattern: Value, *values: Value) -> Value:
    lists = [each for each in values if each.type.is_sequence and not each.is_null]
    if any(each.is_unknown for each in lists):
        return unknown(list_type(STRING))
    lengths = {len(each.raw) for each in lists}
    if len(lengths) > 1:
        raise Refused
    rows = [
        [each.raw[row] if each.type.is_sequence and not each.is_null else each for each in values]
        for row in range(lengths.pop() if lengths else 1)
    ]
    return list_of([_format(pattern, *row) for row in rows], STRING)


def _regex(pattern: Value, text: Value) -> Value:
    found = regex.find(pattern.raw, text.raw)
    if found is None:
        raise Refused
    return _captured(found)


def _regexall(pattern: Value, text: Value) -> Value:
    names, found = regex.find_all(pattern.raw, text.raw)
    return list_of([_captured(each) for each in found], _captured_type(names))


def _captured(found: regex.Match) -> Value:
    """The whole match where the pattern has no groups, else those: an object if they have names, or a tuple."""
    texts = [null(STRING) if each is None else string(each) for each in found.groups]
    if not texts:
        return string(found.text)
    return object_of(dict(zip(found.names, texts, strict=True))) if found.names[0] else tuple_of(texts)


def _captured_type(names: tuple[str, ...]) -> Type:
    example = regex.Match("", names, tuple(None for _ in names))
    return _captured(example).type


def _of_texts(body: Callable[..., Value], count: int, result: Type = STRING) -> Function:
    return Function(body, (Parameter(STRING),) * count, result=result)


_TEXT = Parameter(STRING)
_NUMBER = Parameter(NUMBER)
_SHOWN = Parameter(ANY, null=True, unknown=True)

FUNCTIONS = {
    "chomp": _of_texts(_chomp, 1),
    "endswith": _of_texts(_endswith, 2, BOOL),
    "format": Function(_format, (_TEXT,), _SHOWN, STRING),
    "formatlist": Function(_formatlist, (_TEXT,), _SHOWN, list_type(STRING)),
    "indent": Function(_indent, (_NUMBER, _TEXT), result=STRING),
    "join": Function(_join, (_TEXT,), Parameter(list_type(STRING)), STRING),
    "lower": _of_texts(_lower, 1),
    "regex": _of_texts(_regex, 2, OPEN),
    "regexall": _of_texts(_regexall, 2, OPEN),
    "replace": _of_texts(_replace, 3),
    "split": _of_texts(_split, 2, list_type(STRING)),
    "startswith": Function(_startswith, (Parameter(STRING, unknown=True), _TEXT), result=BOOL),
    "strcontains": _of_texts(_strcontains, 2, BOOL),
    "strrev": _of_texts(_strrev, 1),
    "substr": Function(_substr, (_TEXT, _NUMBER, _NUMBER), result=STRING),
    "title": _of_texts(_title, 1),
    "trim": _of_texts(_trim, 2),
    "trimprefix": _of_texts(_trimprefix, 2),
    "trimspace": _of_texts(_trimspace, 1),
    "trimsuffix": _of_texts(_trimsuffix, 2),
    "upper": _of_texts(_upper, 1),
}
