"""Functions of lists, tuples and sets."""

from __future__ import annotations

from butai.terraform.evaluation import numbers
from butai.terraform.evaluation.conversion import convert
from butai.terraform.evaluation.signatures import Function, Parameter, whole
from butai.terraform.evaluation.types import (
    ANY,
    BOOL,
    NUMBER,
    STRING,
    Kind,
    list_type,
)
from butai.terraform.evaluation.unification import unify
from butai.terraform.evaluation.values import (
    FALSE,
    NOT_KNOWN,
    TRUE,
    Refused,
    Value,
    count,
    equals,
    identity,
    list_of,
    null,
    number,
    tuple_of,
    unknown,
)

_TEXTS = list_type(STRING)
_LONGEST_RANGE = 1024


def _alltrue(values: Value) -> Value:
    for each in values.raw:
        if each.is_unknown:
            return unknown(BOOL)
        if not each.raw:
            return FALSE
    return TRUE


def _anytrue(values: Value) -> Value:
    if any(each.raw is True for each in values.raw):
        return TRUE
    return unknown(BOOL) if any(each.is_unknown for each in values.raw) else FALSE


def _chunklist(values: Value, size: Value) -> Value:
    step = whole(size)
    if step < 0:
        raise Refused
    parts = values.raw
    chunks = [parts[at : at + step] for at in range(0, len(parts), step)] if step else [parts] if parts else []
    return list_of([list_of(each, values.type.inner) for each in chunks], values.type)


def _coalesce(*values: Value) -> Value:
    kind = unify([each.type for each in values])
    if kind is None:
        raise Refused
    for each in values:
        found = convert(each, kind)
        if found.is_unknown:
            return unknown(kind)
        if not found.is_null and not (kind == STRING and found.raw == ""):
            return found
    raise Refused


def _coalescelist(*values: Value) -> Value:
    if not values or any(each.type.kind not in {Kind.LIST, Kind.TUPLE} for each in values if not each.is_unknown):
        raise Refused
    for each in values:
        if each.is_unknown:
            return NOT_KNOWN
        if each.raw:
            return each
    raise Refused


def _compact(values: Value) -> Value:
    if not values.is_known:
        return unknown(_TEXTS)
    return list_of([each for each in values.raw if each.raw], STRING)


def _concat(*values: Value) -> Value:
    if not values or any(each.type.kind not in {Kind.LIST, Kind.TUPLE} for each in values):
        raise Refused
    common = None
    if all(each.type.kind is Kind.LIST for each in values):
        common = unify([each.type for each in values])
    if any(each.is_unknown for each in values):
        return NOT_KNOWN if common is None else unknown(common)
    if common is None:
        return tuple_of([part for each in values for part in each.raw])
    return list_of([part for each in values for part in convert(each, common).raw], common.inner)


def _contains(values: Value, wanted: Value) -> Value:
    if not values.type.is_sequence:
        raise Refused
    found = {equals(wanted, each) for each in values.raw}
    return TRUE if True in found else unknown(BOOL) if None in found else FALSE


def _distinct(values: Value) -> Value:
    if not values.is_known:
        return unknown(values.type)
    kept: dict[object, Value] = {}
    for each in values.raw:
        kept.setdefault(identity(each), each)
    return list_of(list(kept.values()), values.type.inner)


def _element(values: Value, index: Value) -> Value:
    if values.type.kind not in {Kind.LIST, Kind.TUPLE}:
        raise Refused
    place = whole(index)
    if values.is_unknown:
        return NOT_KNOWN
    if not values.raw:
        raise Refused
    if place < 0 and values.type.kind is Kind.TUPLE:
        # Some versions of the engine count from the end, others fail.
        return NOT_KNOWN
    found: Value = values.raw[place % len(values.raw)]
    return found


def _flatten(values: Value) -> Value:
    if not values.type.is_sequence:
        raise Refused
    found: list[Value] = []
    waiting = list(reversed(values.raw))
    while waiting:
        each = waiting.pop()
        if each.type.is_sequence and not each.is_null:
            if each.is_unknown:
                return NOT_KNOWN
            waiting += reversed(each.raw)
        elif each.is_unknown and each.type.is_loose:
            return NOT_KNOWN
        else:
            found.append(each)
    return tuple_of(found) if values.is_known else NOT_KNOWN


def _index(values: Value, wanted: Value) -> Value:
    if values.type.kind not in {Kind.LIST, Kind.TUPLE}:
        raise Refused
    for place, each in enumerate(values.raw):
        same = equals(each, wanted)
        if same is None:
            return unknown(NUMBER)
        if same:
            return count(place)
    raise Refused


def _matchkeys(values: Value, keys: Value, wanted: Value) -> Value:
    common = unify([keys.type, wanted.type])
    if common is None or len(values.raw) != len(keys.raw):
        raise Refused
    if not (values.is_known and keys.is_known and wanted.is_known):
        return unknown(values.type)
    searched = {identity(each) for each in convert(wanted, common).raw}
    pairs = zip(values.raw, convert(keys, common).raw, strict=True)
    return list_of([value for value, key in pairs if identity(key) in searched], values.type.inner)


def _one(values: Value) -> Value:
    if not values.type.is_sequence:
        raise Refused
    if not values.raw:
        return null(values.type.inner)
    if len(values.raw) > 1:
        raise Refused
    found: Value = values.raw[0]
    return found


def _range(*arguments: Value) -> Value:
    given = [each.raw for each in arguments]
    zero = numbers.counted(0)
    if not 1 <= len(given) <= 3:
        raise Refused
    start, end = (zero, given[0]) if len(given) == 1 else (given[0], given[1])
    step = given[2] if len(given) == 3 else numbers.counted(-1 if end < start else 1)
    down = step < zero
    if step == zero or (start < end if down else end < start):
        raise Refused
    found: list[Value] = []
    while end < start if down else start < end:
        if len(found) >= _LONGEST_RANGE:
            raise Refused
        found.append(number(start))
        start = numbers.add(start, step)
    return list_of(found, NUMBER)


def _reverse(values: Value) -> Value:
    if not values.type.is_sequence:
        raise Refused
    turned = list(reversed(values.raw))
    return tuple_of(turned) if values.type.kind is Kind.TUPLE else list_of(turned, values.type.inner)


def _slice(values: Value, start: Value, end: Value) -> Value:
    first, last = whole(start), whole(end)
    if values.type.kind not in {Kind.LIST, Kind.TUPLE} or not 0 <= first <= last <= len(values.raw):
        raise Refused
    found = values.raw[first:last]
    return tuple_of(found) if values.type.kind is Kind.TUPLE else list_of(found, values.type.inner)


def _sort(values: Value) -> Value:
    if not values.is_known:
        return unknown(_TEXTS)
    if any(each.is_null for each in values.raw):
        raise Refused
    return list_of(sorted(values.raw, key=lambda each: each.raw), STRING)


def _sum(values: Value) -> Value:
    if not values.type.is_sequence or not values.raw:
        raise Refused
    if not values.is_known:
        return unknown(NUMBER)
    found = [convert(each, NUMBER).raw for each in values.raw]
    if None in found:
        raise Refused
    total = found[0]
    for each in found[1:]:
        total = numbers.add(total, each)
    return number(total)


_PLAIN = Parameter()
_ANY_LIST = Parameter(list_type(ANY))
_ANYTHING = Parameter(null=True, unknown=True, anything=True)

FUNCTIONS = {
    "alltrue": Function(_alltrue, (Parameter(list_type(BOOL)),), result=BOOL),
    "anytrue": Function(_anytrue, (Parameter(list_type(BOOL)),), result=BOOL),
    "chunklist": Function(_chunklist, (_ANY_LIST, Parameter(NUMBER))),
    "coalesce": Function(_coalesce, rest=_ANYTHING),
    "coalescelist": Function(_coalescelist, rest=_ANYTHING),
    "compact": Function(_compact, (Parameter(_TEXTS),), result=_TEXTS),
    "concat": Function(_concat, rest=Parameter(unknown=True)),
    "contains": Function(_contains, (_PLAIN, _PLAIN), result=BOOL),
    "distinct": Function(_distinct, (_ANY_LIST,)),
    "element": Function(_element, (Parameter(unknown=True), Parameter(NUMBER))),
    "flatten": Function(_flatten, (_PLAIN,)),
    "index": Function(_index, (_PLAIN, _PLAIN), result=NUMBER),
    "matchkeys": Function(_matchkeys, (_ANY_LIST, _ANY_LIST, _ANY_LIST)),
    "one": Function(_one, (_PLAIN,)),
    "range": Function(_range, rest=Parameter(NUMBER), result=list_type(NUMBER)),
    "reverse": Function(_reverse, (_PLAIN,)),
    "slice": Function(_slice, (_PLAIN, Parameter(NUMBER), Parameter(NUMBER))),
    "sort": Function(_sort, (Parameter(_TEXTS, unknown=True),), result=_TEXTS),
    "sum": Function(_sum, (_PLAIN,), result=NUMBER),
}
