"""Conversions to a type, and marks that say nothing about a value."""

from __future__ import annotations

from collections.abc import Callable

from butai.terraform.evaluation.conversion import convert
from butai.terraform.evaluation.signatures import Function, Parameter
from butai.terraform.evaluation.types import ANY, BOOL, NUMBER, STRING, Type, list_type, map_type, set_type
from butai.terraform.evaluation.values import Value


def _to(wanted: Type) -> Callable[[Value], Value]:
    return lambda value: convert(value, wanted)


def _same(value: Value) -> Value:
    return value


_ANYTHING = Parameter(null=True, unknown=True, anything=True)

FUNCTIONS = {
    "nonsensitive": Function(_same, (_ANYTHING,)),
    "sensitive": Function(_same, (_ANYTHING,)),
    "tobool": Function(_to(BOOL), (_ANYTHING,)),
    "tolist": Function(_to(list_type(ANY)), (_ANYTHING,)),
    "tomap": Function(_to(map_type(ANY)), (_ANYTHING,)),
    "tonumber": Function(_to(NUMBER), (_ANYTHING,)),
    "toset": Function(_to(set_type(ANY)), (_ANYTHING,)),
    "tostring": Function(_to(STRING), (_ANYTHING,)),
}
