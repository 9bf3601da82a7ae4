"""Conversion of values to types, and the type that several values can be converted to: the rules of cty's `convert`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from butai.terraform.evaluation import numbers
from butai.terraform.evaluation.number_text import plain_text
from butai.terraform.evaluation.types import (
    ANY,
    BOOL,
    NUMBER,
    OPEN,
    STRING,
    Kind,
    Type,
    object_type,
    tuple_type,
)
from butai.terraform.evaluation.unification import can_convert, unify
from butai.terraform.evaluation.values import (
    NOT_KNOWN,
    NULL,
    Refused,
    Value,
    boolean,
    list_of,
    map_of,
    null,
    number,
    object_of,
    set_of,
    string,
    tuple_of,
    unknown,
)

_BOOLS = {"true": True, "1": True, "false": False, "0": False}


def convert(value: Value, wanted: Type) -> Value:
    """The value as one of that type. Raises Refused where Terraform refuses, and BeyondLimits.

    Optional attributes that are missing become null; their defaults are put in by `with_defaults` before.
    """
    if wanted.kind is Kind.ANY or value.type == wanted:
        return value
    if wanted.kind is Kind.OPEN:
        return null(OPEN) if value.is_null else NOT_KNOWN
    if value.is_null or value.is_unknown:
        return _without_content(value, wanted)
    if value.type == wanted.of_values():
        return value
    if not can_convert(value.type, wanted):
        raise Refused
    if wanted.is_primitive:
        return _to_primitive(value, wanted)
    return _CONVERSIONS[wanted.kind](value, wanted)


def as_text(value: Value) -> str:
    """A known value's text, where it is a string or can be made one. Raises Refused."""
    found = convert(value, STRING).raw
    if not isinstance(found, str):
        raise Refused
    return found


def with_defaults(value: Value, declared: Type) -> Value:
    """The value with a declared type's defaults where attributes are missing or null, at any depth."""
    if value.is_null or value.is_unknown:
        return value
    if value.type.is_sequence:
        return _sequence_with_defaults(value, declared)
    return _mapping_with_defaults(value, declared) if value.type.is_mapping else value


def _without_content(value: Value, wanted: Type) -> Value:
    if not can_convert(value.type, wanted):
        raise Refused
    kind = _filled(value.type, wanted.of_values())
    return null(kind) if value.is_null else unknown(kind)


def _filled(given: Type, wanted: Type) -> Type:
    """The wanted type, with the given one in place of each `any` in it."""
    if given.kind is Kind.ANY or wanted.is_primitive:
        return wanted
    if given.kind is Kind.OPEN:
        return wanted.opened()
    if wanted.kind is Kind.ANY:
        return given
    if wanted.kind is Kind.OBJECT:
        inner = {
            name: _filled(given.inner if given.kind is Kind.MAP else given.attributes.get(name, ANY), each)
            for name, each in wanted.attributes.items()
        }
        return object_type(inner)
    if wanted.kind is Kind.TUPLE:
        return tuple_type(_filled(*pair) for pair in zip(given.elements, wanted.elements, strict=True))
    parts = [*given.elements, *given.attributes.values()]
    element = given.element or (unify(parts) if parts else None) or ANY
    return Type(wanted.kind, _filled(element, wanted.inner))


def _to_primitive(value: Value, wanted: Type) -> Value:
    if wanted == STRING:
        return string(plain_text(value.raw) if value.type == NUMBER else str(value.raw).lower())
    if wanted == BOOL:
        if value.raw not in _BOOLS:
            raise Refused
        return boolean(_BOOLS[value.raw])
    parsed = numbers.parse(value.raw)
    if parsed is None:
        raise Refused
    return number(parsed)


def _to_list(value: Value, wanted: Type) -> Value:
    element = _element_type(value, wanted)
    converted = [convert(each, element) for each in value.raw]
    if value.type.kind is Kind.TUPLE and converted:
        converted = _unified(converted)
    return list_of(converted, element.of_values())


def _to_set(value: Value, wanted: Type) -> Value:
    element = _element_type(value, wanted)
    return set_of([convert(each, element) for each in value.raw], element.of_values())


def _to_map(value: Value, wanted: Type) -> Value:
    element = _element_type(value, wanted)
    converted = {name: convert(each, element) for name, each in value.raw.items()}
    if converted and not element.is_primitive and not element.is_loose and element.kind is not Kind.TUPLE:
        converted = dict(zip(converted, _unified(list(converted.values())), strict=True))
    return map_of(converted, element.of_values())


def _to_tuple(value: Value, wanted: Type) -> Value:
    return tuple_of([convert(*pair) for pair in zip(value.raw, wanted.elements, strict=True)])


def _to_object(value: Value, wanted: Type) -> Value:
    found: dict[str, Value] = {}
    for name, kind in wanted.attributes.items():
        if name in value.raw:
            found[name] = convert(value.raw[name], kind)
        elif name in wanted.optional:
            found[name] = null(kind.of_values())
        else:
            raise Refused
    return object_of(found)


_CONVERSIONS = {
    Kind.LIST: _to_list,
    Kind.SET: _to_set,
    Kind.MAP: _to_map,
    Kind.TUPLE: _to_tuple,
    Kind.OBJECT: _to_object,
}


def _element_type(value: Value, wanted: Type) -> Type:
    """The type for a collection's elements; for `any` the one that all elements can be converted to."""
    if wanted.inner.kind is not Kind.ANY:
        return wanted.inner
    parts = [*value.type.elements, *value.type.attributes.values()]
    return (unify(parts) or ANY) if parts else value.type.inner


def _unified(values: Sequence[Value]) -> list[Value]:
    common = unify([each.type for each in values])
    if common is None:
        raise Refused
    return [convert(each, common) for each in values]


def _sequence_with_defaults(value: Value, declared: Type) -> Value:
    if declared.kind is Kind.TUPLE:
        kinds: Iterable[Type] = (*declared.elements, *(ANY for _ in value.raw[len(declared.elements) :]))
    else:
        kinds = (declared.inner for _ in value.raw)
    made = [with_defaults(*pair) for pair in zip(value.raw, kinds, strict=False)]
    if value.type.kind is Kind.TUPLE or not made:
        return tuple_of(made) if value.type.kind is Kind.TUPLE else value
    try:
        return (set_of if value.type.kind is Kind.SET else list_of)(_unified(made))
    except Refused:
        return tuple_of(made)


def _mapping_with_defaults(value: Value, declared: Type) -> Value:
    kinds: Mapping[str, Type] = declared.attributes
    is_object = declared.kind is Kind.OBJECT
    made = {
        name: with_defaults(each, kinds.get(name, ANY) if is_object else declared.inner)
        for name, each in value.raw.items()
    }
    for name, default in declared.defaults.items():
        if made.get(name, NULL).is_null:
            made[name] = with_defaults(default, kinds[name])
    if value.type.kind is Kind.OBJECT or not made:
        return object_of(made) if value.type.kind is Kind.OBJECT else value
    try:
        return map_of(dict(zip(made, _unified(list(made.values())), strict=True)))
    except Refused:
        return object_of(made)
