"""JSON as Go writes and reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from butai.terraform.evaluation import numbers
from butai.terraform.evaluation.limits import BeyondLimits
from butai.terraform.evaluation.number_text import plain_text
from butai.terraform.evaluation.numbers import Number
from butai.terraform.evaluation.values import (
    NULL,
    Refused,
    Value,
    boolean,
    number,
    object_of,
    string,
    tuple_of,
)

_ESCAPED = re.compile('["\\\\\x00-\x1f<>&\u2028\u2029]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def encoded(value: Value | str) -> str:
    """A known value's JSON, keys in order and without blanks; of a plain text, its quoted form."""
    raw = value if isinstance(value, str) else value.raw
    if raw is None:
        return "null"
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, Number):
        return plain_text(raw)
    if isinstance(raw, str):
        return f'"{_ESCAPED.sub(_escape, raw)}"'
    if isinstance(raw, tuple):
        return f"[{','.join(encoded(each) for each in raw)}]"
    return "{" + ",".join(f"{encoded(name)}:{encoded(raw[name])}" for name in sorted(raw)) + "}"


def decoded(text: str) -> Value:
    """The value of a JSON text. Raises Refused for any other, and BeyondLimits."""
    try:
        return _value(_DECODER.decode(text))
    except RecursionError:
        raise BeyondLimits from None
    except ValueError:
        if text.rstrip().endswith(("]", "}")):
            # Of a bracket too many some versions of the engine take no notice.
            raise BeyondLimits from None
        raise Refused from None


def _value(found: Any) -> Value:
    if isinstance(found, Value):
        return found
    if isinstance(found, str):
        return string(_SURROGATE.sub("\ufffd", found))
    if isinstance(found, bool):
        return boolean(found)
    return NULL if found is None else tuple_of([_value(each) for each in found])


def _object(pairs: Sequence[tuple[str, Any]]) -> Value:
    found: dict[str, Value] = {}
    for name, each in pairs:
        value, before = _value(each), found.get(name)
        if before is not None and before.type != value.type:
            # A name twice is read with the last one's type.
            raise BeyondLimits
        found[_SURROGATE.sub("\ufffd", name)] = value
    return object_of(found)


def _number(text: str) -> Value:
    parsed = numbers.parse(text)
    if parsed is None:
        raise ValueError(text)
    return number(parsed)


def _refuse(text: str) -> Value:
    # Python takes `NaN` and `Infinity`.
    raise ValueError(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_refuse, strict=True
)


def _escape(match: re.Match[str]) -> str:
    return _SHORT.get(match.group()) or f"\\u{ord(match.group()):04x}"
