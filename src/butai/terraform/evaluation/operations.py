"""Operators, and steps into a value: `.name` and `[key]`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from butai.terraform.evaluation import numbers
from butai.terraform.evaluation.conversion import as_text, convert
from butai.terraform.evaluation.numbers import Number
from butai.terraform.evaluation.types import ANY, BOOL, NUMBER, Kind, Type
from butai.terraform.evaluation.values import (
    FALSE,
    NOT_KNOWN,
    REFUSED,
    TRUE,
    Refused,
    Value,
    boolean,
    equals,
    number,
    unknown,
)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator: what its operands are converted to, the type of what it makes, and how. `work` raises Refused."""

    wanted: Type
    result: Type
    work: Callable[..., Value]


def attribute(value: Value, name: str) -> Value:
    """`value.name`. Raises Refused."""
    kind = value.type
    if kind.is_loose and value.is_unknown:
        return value
    if value.is_null or not kind.is_mapping:
        raise Refused
    if value.is_unknown:
        if kind.kind is Kind.OBJECT and name not in kind.attributes:
            raise Refused
        return unknown(kind.attributes[name] if kind.kind is Kind.OBJECT else kind.inner)
    if name not in value.raw:
        raise Refused
    found: Value = value.raw[name]
    return found


def element(value: Value, key: Value) -> Value:
    """`value[key]`. Raises Refused."""
    if value.is_null or key.is_null:
        raise Refused
    if value.type.is_loose or key.type.is_loose:
        return REFUSED if ANY in (value.type, key.type) else NOT_KNOWN
    if value.type.kind is Kind.OBJECT:
        return _attribute_by_key(value, key)
    if value.type.kind is Kind.MAP:
        text = convert(key, Type(Kind.STRING))
        return unknown(value.type.inner) if text.is_unknown else attribute(value, text.raw)
    if value.type.kind is Kind.SET or not value.type.is_sequence:
        raise Refused
    place = convert(key, NUMBER)
    if place.is_unknown or value.is_unknown:
        return NOT_KNOWN if value.type.kind is Kind.TUPLE else unknown(value.type.inner)
    if not place.raw.is_whole or not 0 <= place.raw.truncated() < len(value.raw):
        raise Refused
    found: Value = value.raw[place.raw.truncated()]
    return found


def _attribute_by_key(value: Value, key: Value) -> Value:
    if value.is_unknown or key.is_unknown:
        return NOT_KNOWN
    return attribute(value, as_text(key))


def _numeric(work: Callable[..., Number]) -> Callable[..., Value]:
    def worked(*operands: Value) -> Value:
        if any(each.is_null for each in operands):
            raise Refused
        if any(each.is_unknown for each in operands):
            return unknown(NUMBER)
        try:
            return number(work(*(each.raw for each in operands)))
        except ZeroDivisionError:
            raise Refused from None

    return worked


def _compared(work: Callable[[Any, Any], bool]) -> Callable[..., Value]:
    def worked(left: Value, right: Value) -> Value:
        if left.is_null or right.is_null:
            raise Refused
        return unknown(BOOL) if left.is_unknown or right.is_unknown else boolean(work(left.raw, right.raw))

    return worked


def _decided_by(deciding: bool) -> Callable[..., Value]:
    """`||` or `&&`: one operand may decide, whatever the other turns out to be."""

    def worked(left: Value, right: Value) -> Value:
        if left.is_null or right.is_null:
            raise Refused
        if deciding in (left.raw, right.raw):
            return boolean(deciding)
        return unknown(BOOL) if left.is_unknown or right.is_unknown else boolean(not deciding)

    return worked


def _same(left: Value, right: Value) -> Value:
    found = equals(left, right)
    return unknown(BOOL) if found is None else boolean(found)


def _different(left: Value, right: Value) -> Value:
    return _not(_same(left, right))


def _not(operand: Value) -> Value:
    if operand.is_null:
        raise Refused
    return operand if operand.is_unknown else FALSE if operand.raw else TRUE


BINARY = {
    "||": Operation(BOOL, BOOL, _decided_by(True)),
    "&&": Operation(BOOL, BOOL, _decided_by(False)),
    "==": Operation(ANY, BOOL, _same),
    "!=": Operation(ANY, BOOL, _different),
    "<": Operation(NUMBER, BOOL, _compared(lambda left, right: left < right)),
    "<=": Operation(NUMBER, BOOL, _compared(lambda left, right: left <= right)),
    ">": Operation(NUMBER, BOOL, _compared(lambda left, right: right < left)),
    ">=": Operation(NUMBER, BOOL, _compared(lambda left, right: right <= left)),
    "+": Operation(NUMBER, NUMBER, _numeric(numbers.add)),
    "-": Operation(NUMBER, NUMBER, _numeric(numbers.subtract)),
    "*": Operation(NUMBER, NUMBER, _numeric(numbers.multiply)),
    "/": Operation(NUMBER, NUMBER, _numeric(numbers.divide)),
    "%": Operation(NUMBER, NUMBER, _numeric(numbers.remainder)),
}
UNARY = {
    "-": Operation(NUMBER, NUMBER, _numeric(numbers.negate)),
    "!": Operation(BOOL, BOOL, _not),
}
