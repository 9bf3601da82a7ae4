"""Which types can be converted to which, and the most general one of several: on types alone, as cty does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from butai.terraform.evaluation.types import (
    ANY,
    OPEN,
    STRING,
    Kind,
    Type,
    list_type,
    map_type,
    object_type,
    set_type,
    tuple_type,
)


def can_convert(given: Type, wanted: Type) -> bool:
    """Whether a value of one type may be converted to another; a particular value may still be refused."""
    if wanted.is_loose or given.is_loose:
        return True
    if given.is_primitive or wanted.is_primitive:
        both = given.is_primitive and wanted.is_primitive
        return both and (given == wanted or STRING in (given, wanted))
    if wanted.kind is Kind.OBJECT:
        return _can_be_object(given, wanted)
    if wanted.kind is Kind.TUPLE:
        pairs = zip(given.elements, wanted.elements, strict=False)
        same = given.kind is Kind.TUPLE and len(given.elements) == len(wanted.elements)
        return same and all(can_convert(*pair) for pair in pairs)
    if wanted.kind is Kind.MAP:
        return given.is_mapping and _elements_can(given, wanted.inner)
    return given.is_sequence and _elements_can(given, wanted.inner)


def unify(types: Sequence[Type]) -> Type | None:
    """The type that values of all these types can be converted to; none if there is no such type."""
    types = _distinct(types)
    if len(types) < 2:
        return types[0] if types else None
    kinds = {each.kind for each in types}
    if Kind.OPEN in kinds:
        # A text stays a text whatever it meets, or is refused.
        return STRING if kinds == {Kind.OPEN, Kind.STRING} else OPEN
    others = kinds - {Kind.ANY}
    if len(others) == 1 and not next(each for each in types if each.kind in others).is_primitive:
        return ANY if Kind.ANY in kinds else _UNIFIED[others.pop()](types)
    if others in ({Kind.MAP, Kind.OBJECT}, {Kind.LIST, Kind.TUPLE}):
        found = _as_collections(types)
        # An element of a type that is not known may fit in none of them.
        if found and all(_fits(other, found) for other in types):
            return found
    elif {Kind.OBJECT, Kind.TUPLE} <= kinds:
        return None
    return next((each for each in _by_preference(types) if all(_fits(other, each) for other in types)), None)


def _distinct(types: Sequence[Type]) -> list[Type]:
    found: list[Type] = []
    for each in types:
        if each not in found:
            found.append(each)
    return found


def _fits(given: Type, wanted: Type) -> bool:
    return given == wanted or can_convert(given, wanted)


def _elements_can(given: Type, element: Type) -> bool:
    parts = [*given.elements, *given.attributes.values()] if given.element is None else [given.element]
    if element.kind is not Kind.ANY or not parts or given.element:
        return all(can_convert(each, element) for each in parts)
    found = unify(parts)
    if found is None or (found.kind is Kind.ANY and given.kind is Kind.TUPLE):
        # Nothing common was found, unless nothing at all is known of the elements.
        return found is not None and all(each.kind is Kind.ANY for each in parts)
    return all(_fits(each, found) for each in parts)


def _can_be_object(given: Type, wanted: Type) -> bool:
    required = wanted.attributes.keys() - wanted.optional
    if given.kind is Kind.MAP:
        return all(can_convert(given.inner, wanted.attributes[name]) for name in required)
    if given.kind is not Kind.OBJECT or not required <= given.attributes.keys():
        return False
    return all(
        can_convert(each, wanted.attributes[n]) for n, each in given.attributes.items() if n in wanted.attributes
    )


def _unify_elements(make: Callable[[Type], Type]) -> Callable[[Sequence[Type]], Type | None]:
    def unified(types: Sequence[Type]) -> Type | None:
        element = unify([each.inner for each in types])
        return make(element) if element else None

    return unified


def _unify_objects(types: Sequence[Type]) -> Type | None:
    names = types[0].attributes.keys()
    if any(each.attributes.keys() != names for each in types):
        return _unify_to(map_type, [each for kind in types for each in kind.attributes.values()], types)
    found = {name: unify([each.attributes[name] for each in types]) for name in names}
    known = {name: each for name, each in found.items() if each}
    return object_type(known) if len(known) == len(found) else None


def _unify_tuples(types: Sequence[Type]) -> Type | None:
    if any(len(each.elements) != len(types[0].elements) for each in types):
        return _unify_to(list_type, [each for kind in types for each in kind.elements], types)
    found = [unify(each) for each in zip(*(kind.elements for kind in types), strict=True)]
    known = [each for each in found if each]
    return tuple_type(known) if len(known) == len(found) else None


def _unify_to(make: Callable[[Type], Type], parts: Sequence[Type], types: Sequence[Type]) -> Type | None:
    element = unify(parts) if parts else None
    if element is None:
        return None
    made = make(element)
    return made if all(_fits(each, made) for each in types) else None


_UNIFIED = {
    Kind.LIST: _unify_elements(list_type),
    Kind.SET: _unify_elements(set_type),
    Kind.MAP: _unify_elements(map_type),
    Kind.OBJECT: _unify_objects,
    Kind.TUPLE: _unify_tuples,
}


def _as_collections(types: Sequence[Type]) -> Type | None:
    """Objects beside maps are taken for maps, tuples beside lists for lists."""
    loose = [each for each in types if each.kind in {Kind.OBJECT, Kind.TUPLE}]
    make = map_type if loose[0].kind is Kind.OBJECT else list_type
    made = _unify_to(make, [part for each in loose for part in (*each.elements, *each.attributes.values())], loose)
    if made is None:
        return None
    found = unify([made if each in loose else each for each in types])
    return found if found and found.kind is made.kind else None


def _by_preference(types: Sequence[Type]) -> list[Type]:
    """The more general types first, in their order otherwise."""
    count = len(types)
    above = [[j for j in range(count) if _compare(types[j], types[i]) < 0] for i in range(count)]
    ordered: list[int] = []
    waiting = [i for i in range(count) if not above[i]]
    while waiting:
        ordered.append(waiting.pop(0))
        waiting += [i for i in range(count) if i not in {*ordered, *waiting} and all(j in ordered for j in above[i])]
    return [types[i] for i in ordered]


# A list is more general than a tuple, and both than a set; a map is more general than an object.
_RANK = {Kind.LIST: 0, Kind.TUPLE: 1, Kind.SET: 2, Kind.MAP: 0, Kind.OBJECT: 1}


def _compare(left: Type, right: Type) -> int:
    """Below 0 where the left one is the more general."""
    if left.kind is Kind.ANY or right.kind is Kind.ANY:
        return (left.kind is Kind.ANY) - (right.kind is Kind.ANY)
    if left.is_primitive and right.is_primitive:
        return (right.kind is Kind.STRING) - (left.kind is Kind.STRING)
    if left.element and left.kind is right.kind:
        return _compare(left.inner, right.inner)
    if left.kind is not right.kind:
        both = (left.is_sequence and right.is_sequence) or (left.is_mapping and right.is_mapping)
        return _RANK[left.kind] - _RANK[right.kind] if both else 0
    if left.kind is Kind.OBJECT and left.attributes.keys() == right.attributes.keys():
        return _together(_compare(each, right.attributes[name]) for name, each in left.attributes.items())
    if left.kind is Kind.TUPLE and len(left.elements) == len(right.elements):
        return _together(_compare(*pair) for pair in zip(left.elements, right.elements, strict=True))
    return 0


def _together(comparisons: Iterable[int]) -> int:
    found = {1 if each > 0 else -1 for each in comparisons if each}
    return found.pop() if len(found) == 1 else 0
