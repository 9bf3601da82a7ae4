"""`for` expressions and splats: what is made of each element of a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from butai.terraform.evaluation.conversion import convert
from butai.terraform.evaluation.syntax import For, Step
from butai.terraform.evaluation.types import BOOL, Kind, list_type, tuple_type
from butai.terraform.evaluation.values import (
    NOT_KNOWN,
    REFUSED,
    Refused,
    Value,
    list_of,
    object_of,
    tuple_of,
    unknown,
)

if TYPE_CHECKING:
    from butai.terraform.evaluation.expressions import Evaluator

# A key (empty where a tuple is made) and a value.
Made = tuple[str, Value]


def loop(evaluator: Evaluator, node: For) -> Value:
    """A tuple or an object; unknown where it is not known which elements it has. Raises Refused."""
    source = evaluator.value(node.collection)
    if source.is_unknown and source.type.is_loose:
        return source
    if source.is_null or not (source.type.is_sequence or source.type.is_mapping):
        raise Refused
    _check_condition(evaluator, node)
    if source.is_unknown:
        return NOT_KNOWN
    found: list[Made] = []
    is_known, refusals = True, evaluator.refusals
    outer = evaluator.names
    try:
        for key, value in source.items():
            evaluator.names = _bound(node, key, value, outer)
            made = _iteration(evaluator, node)
            is_known &= made is not None
            found += made or ()
    finally:
        evaluator.names = outer
    if not is_known:
        return REFUSED if evaluator.refusals > refusals else NOT_KNOWN
    return tuple_of([value for _, value in found]) if node.key is None else _object(evaluator, node, found)


def splat(evaluator: Evaluator, source: Value, steps: Sequence[Step]) -> Value:
    """The steps taken from each element; a value that is no sequence counts as one element, null as none."""
    if source.is_unknown:
        return _splat_of_unknown(evaluator, source, steps)
    if not source.type.is_sequence:
        return tuple_of([] if source.is_null else [evaluator.stepped(source, steps)])
    found = [evaluator.stepped(each, steps) for _, each in source.items()]
    evaluator.budget.spend(len(found))
    evaluator.gaps += sum(each.is_unknown for each in found)
    if source.type.kind is Kind.TUPLE:
        return tuple_of(found)
    return list_of(found, evaluator.stepped(unknown(source.type.inner), steps).type if not found else source.type.inner)


def _splat_of_unknown(evaluator: Evaluator, source: Value, steps: Sequence[Step]) -> Value:
    if source.type.kind is Kind.TUPLE:
        return unknown(tuple_type(evaluator.stepped(unknown(each), steps).type for each in source.type.elements))
    if source.type.is_sequence:
        return unknown(list_type(evaluator.stepped(unknown(source.type.inner), steps).type))
    return source if source.type.is_loose else NOT_KNOWN


def _bound(node: For, key: Value, value: Value, outer: Mapping[str, Value]) -> Mapping[str, Value]:
    return {**outer, node.key_name: key, node.value_name: value} if node.key_name else {**outer, node.value_name: value}


def _check_condition(evaluator: Evaluator, node: For) -> None:
    """What is wrong with a condition whatever the elements are, is refused even if there are none."""
    if node.condition is None:
        return
    outer, gaps, refusals = evaluator.names, evaluator.gaps, evaluator.refusals
    evaluator.names = _bound(node, REFUSED, REFUSED, outer)
    found = evaluator.value(node.condition)
    evaluator.names, evaluator.gaps = outer, gaps
    if found.is_null or evaluator.refusals > refusals:
        raise Refused
    convert(found, BOOL)


def _iteration(evaluator: Evaluator, node: For) -> list[Made] | None:
    """What one element adds: nothing or one pair; none where that is not known. Raises Refused."""
    if node.condition is not None:
        condition = evaluator.value(node.condition)
        if condition.is_null:
            raise Refused
        included = convert(condition, BOOL)
        if included.is_unknown:
            return None
        if not included.raw:
            return []
    name = "" if node.key is None else evaluator.key(node.key)
    return None if name is None else [(name, evaluator.value(node.value))]


def _object(evaluator: Evaluator, node: For, made: Sequence[Made]) -> Value:
    groups: dict[str, list[Value]] = {}
    for name, value in made:
        groups.setdefault(name, []).append(value)
    if node.is_grouped:
        return object_of({name: tuple_of(values) for name, values in groups.items()})
    evaluator.refusals += any(len(values) > 1 for values in groups.values())
    return object_of({name: values[0] for name, values in groups.items()})
