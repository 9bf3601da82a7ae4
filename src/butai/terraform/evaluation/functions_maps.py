"""Functions of maps and objects."""

from __future__ import annotations

from butai.terraform.evaluation.conversion import convert
from butai.terraform.evaluation.graphemes import clusters
from butai.terraform.evaluation.signatures import Function, Parameter
from butai.terraform.evaluation.types import ANY, NUMBER, STRING, Kind, list_type, map_type
from butai.terraform.evaluation.values import (
    NOT_KNOWN,
    Refused,
    Value,
    count,
    list_of,
    map_of,
    object_of,
    string,
    tuple_of,
    unknown,
)

_LISTS = map_type(list_type(STRING))


def _keys(value: Value) -> Value:
    if value.type.kind is Kind.OBJECT:
        return tuple_of([string(each) for each in sorted(value.type.attributes)])
    if value.type.kind is not Kind.MAP:
        raise Refused
    return unknown(list_type(STRING)) if value.is_unknown else list_of([key for key, _ in value.items()], STRING)


def _length(value: Value) -> Value:
    kind = value.type
    if kind.kind is Kind.TUPLE or kind.kind is Kind.OBJECT:
        return count(len(kind.elements) + len(kind.attributes))
    if kind.kind in {Kind.NUMBER, Kind.BOOL}:
        raise Refused
    if value.is_unknown:
        return unknown(NUMBER)
    return count(len(clusters(value.raw)) if kind == STRING else len(value.raw))


def _lookup(value: Value, key: Value, *default: Value) -> Value:
    if len(default) > 1 or not value.type.is_mapping:
        raise Refused
    if key.is_unknown or value.is_unknown:
        return NOT_KNOWN if value.type.kind is Kind.OBJECT else unknown(value.type.inner)
    if value.type.kind is Kind.MAP:
        # The default is refused even where it is not needed.
        default = tuple(convert(each, value.type.inner) for each in default)
    if key.raw in value.raw:
        found: Value = value.raw[key.raw]
        return found
    if not default:
        raise Refused
    return default[0]


def _merge(*values: Value) -> Value:
    if any(each.is_unknown and each.type.is_loose for each in values):
        return NOT_KNOWN
    if any(not each.type.is_mapping for each in values if each.type != ANY):
        raise Refused
    if any(each.is_unknown for each in values):
        return NOT_KNOWN
    found = {name: each for value in values if not value.is_null for name, each in value.raw.items()}
    kinds = [each.type for each in values]
    if not kinds or any(each.kind is not Kind.MAP for each in kinds):
        return object_of(found)
    if all(each == kinds[0] for each in kinds):
        return map_of(found, kinds[0].inner)
    # Maps of one type make a map, others an object.
    return object_of(found) if all(each.is_known for each in values) else NOT_KNOWN


def _transpose(value: Value) -> Value:
    if not value.is_known:
        return unknown(_LISTS)
    found: dict[str, list[Value]] = {}
    for key, texts in value.items():
        for text in texts.raw if not texts.is_null else [texts]:
            if text.is_null:
                raise Refused
            found.setdefault(text.raw, []).append(key)
    lists = {name: list_of(sorted(keys, key=lambda each: each.raw)) for name, keys in found.items()}
    return map_of(lists, list_type(STRING))


def _values(value: Value) -> Value:
    if not value.type.is_mapping:
        raise Refused
    found = [each for _, each in value.items()]
    return tuple_of(found) if value.type.kind is Kind.OBJECT else list_of(found, value.type.inner)


def _zipmap(keys: Value, values: Value) -> Value:
    if values.type.kind not in {Kind.LIST, Kind.TUPLE}:
        raise Refused
    if not keys.is_known:
        return NOT_KNOWN
    if len(keys.raw) != len(values.raw) or any(each.is_null for each in keys.raw):
        raise Refused
    found = {key.raw: value for key, value in zip(keys.raw, values.raw, strict=True)}
    return object_of(found) if values.type.kind is Kind.TUPLE else map_of(found, values.type.inner)


_PLAIN = Parameter()
_ANYTHING = Parameter(null=True, unknown=True, anything=True)

FUNCTIONS = {
    "keys": Function(_keys, (Parameter(unknown=True),)),
    "length": Function(_length, (Parameter(unknown=True, anything=True),), result=NUMBER),
    "lookup": Function(_lookup, (Parameter(unknown=True), Parameter(STRING, unknown=True)), _ANYTHING),
    "merge": Function(_merge, rest=_ANYTHING),
    "transpose": Function(_transpose, (Parameter(_LISTS),), result=_LISTS),
    "values": Function(_values, (_PLAIN,)),
    "zipmap": Function(_zipmap, (Parameter(list_type(STRING)), _PLAIN)),
}
