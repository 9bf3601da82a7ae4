"""Functions of sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

from butai.terraform.evaluation.conversion import convert
from butai.terraform.evaluation.limits import LARGEST_VALUE, BeyondLimits
from butai.terraform.evaluation.signatures import Function, Parameter
from butai.terraform.evaluation.types import ANY, Kind, Type, list_type, set_type, tuple_type
from butai.terraform.evaluation.unification import unify
from butai.terraform.evaluation.values import Refused, Value, identity, list_of, set_of, tuple_of, unknown


def _setproduct(*values: Value) -> Value:
    if len(values) < 2 or not all(each.type.is_sequence for each in values):
        raise Refused
    kinds = [_element_type(each.type) for each in values]
    if math.prod(len(each.raw) for each in values if not each.is_unknown) * len(values) > LARGEST_VALUE:
        raise BeyondLimits
    is_set = any(each.type.kind is Kind.SET for each in values)
    element = tuple_type(kinds)
    if any(each.is_unknown for each in values):
        return unknown(set_type(element) if is_set else list_type(element))
    columns = [[convert(part, kind) for part in each.raw] for each, kind in zip(values, kinds, strict=True)]
    rows = [tuple_of(each) for each in product(*columns)]
    return set_of(rows, element) if is_set else list_of(rows, element)


def _element_type(kind: Type) -> Type:
    if kind.element:
        return kind.element
    found = unify(kind.elements) if kind.elements else ANY
    if found is None:
        raise Refused
    return found


def _set_operation(work: Callable[[dict[object, Value], dict[object, Value]], Sequence[Value]]) -> Callable[..., Value]:
    def worked(*values: Value) -> Value:
        kinds = [each.type.inner for each in values if each.raw or each.type.inner != ANY]
        element = unify(kinds) if kinds else ANY
        if element is None:
            raise Refused
        converted = [convert(each, set_type(element)) for each in values]
        if not all(each.is_known for each in converted):
            return unknown(set_type(element))
        if any(each.type != converted[0].type for each in converted):
            # Sets of nothing but null beside others, on which the engine fails.
            raise BeyondLimits
        found = converted[0]
        for each in converted[1:]:
            found = set_of(work(_by_identity(found), _by_identity(each)), element)
        return found

    return worked


def _by_identity(values: Value) -> dict[object, Value]:
    return {identity(each): each for each in values.raw}


_ANY_SET = Parameter(set_type(ANY), anything=True)

FUNCTIONS = {
    "setintersection": Function(
        _set_operation(lambda left, right: [each for key, each in left.items() if key in right]), (_ANY_SET,), _ANY_SET
    ),
    "setproduct": Function(_setproduct, rest=Parameter(unknown=True)),
    "setsubtract": Function(
        _set_operation(lambda left, right: [each for key, each in left.items() if key not in right]),
        (_ANY_SET, _ANY_SET),
    ),
    "setunion": Function(_set_operation(lambda left, right: [*left.values(), *right.values()]), (_ANY_SET,), _ANY_SET),
}
