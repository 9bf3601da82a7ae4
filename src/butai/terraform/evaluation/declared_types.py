"""Types as variables declare them: `string`, `list(string)`, `object({ a = optional(string, "x") })`, `any`."""

from __future__ import annotations

from functools import lru_cache

from butai.terraform.evaluation.conversion import convert
from butai.terraform.evaluation.expressions import Budget, Evaluator
from butai.terraform.evaluation.limits import BeyondLimits
from butai.terraform.evaluation.parsing import parse_expression
from butai.terraform.evaluation.references import is_constant
from butai.terraform.evaluation.scope import Scope
from butai.terraform.evaluation.syntax import Call, Literal, Name, Node, ObjectOf, TupleOf
from butai.terraform.evaluation.types import (
    ANY,
    BOOL,
    NUMBER,
    STRING,
    Kind,
    Type,
    list_type,
    map_type,
    set_type,
    tuple_type,
)
from butai.terraform.evaluation.values import Refused, Value

_WORDS = {
    "string": STRING,
    "number": NUMBER,
    "bool": BOOL,
    "any": ANY,
    # As they were written before they had elements' types.
    "list": list_type(ANY),
    "map": map_type(ANY),
}
_COLLECTIONS = {"list": list_type, "set": set_type, "map": map_type}


class NoType(Exception):  # noqa: N818 it says what is so, not what went wrong
    """The text is no type that Terraform takes, or one that is not understood here."""


@lru_cache(maxsize=1024)
def parse_type(text: str) -> Type:
    """The type that a declaration names; `any` for an empty text. Raises NoType."""
    if not text.strip():
        return ANY
    node = parse_expression(text)
    if node is None:
        raise NoType
    # The short forms of lists and maps are for a whole type alone.
    if isinstance(node, Name) and node.name in _WORDS:
        return _WORDS[node.name]
    return _type(node)


def _type(node: Node) -> Type:
    if isinstance(node, Name) and node.name in {"string", "number", "bool", "any"}:
        return _WORDS[node.name]
    if not isinstance(node, Call) or len(node.arguments) != 1 or node.is_expanded:
        raise NoType
    inner = node.arguments[0]
    if node.name in _COLLECTIONS:
        return _COLLECTIONS[node.name](_type(inner))
    if node.name == "tuple" and isinstance(inner, TupleOf):
        return tuple_type(_type(each) for each in inner.items)
    if node.name == "object" and isinstance(inner, ObjectOf):
        return _object(inner)
    raise NoType


def _object(node: ObjectOf) -> Type:
    attributes: dict[str, Type] = {}
    optional: set[str] = set()
    defaults: dict[str, Value] = {}
    for key, given in node.items:
        if not isinstance(key, Literal) or not isinstance(key.value.raw, str) or key.value.raw in attributes:
            raise NoType
        name = key.value.raw
        if isinstance(given, Call) and given.name == "optional" and 1 <= len(given.arguments) <= 2:
            optional.add(name)
            attributes[name] = _type(given.arguments[0])
            if len(given.arguments) == 2:
                defaults[name] = _default(given.arguments[1], attributes[name])
        else:
            attributes[name] = _type(given)
    return Type(Kind.OBJECT, attributes=attributes, optional=frozenset(optional), defaults=defaults)


def _default(node: Node, kind: Type) -> Value:
    """An optional attribute's default, which refers to nothing."""
    if not is_constant(node):
        raise NoType
    try:
        return convert(Evaluator(Scope(), Budget()).result(node), kind)
    except (Refused, BeyondLimits):
        raise NoType from None
