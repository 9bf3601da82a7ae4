"""Values as Terraform has them: each with its type, and what is not known has a type too where that is known.

Python's side of it: `plain` gives `None`, `bool`, `int`, `float` (or `Decimal`, where a float would print differently),
`str`, `list` (lists and tuples), `SetValue`, `dict` (maps and objects), and UNKNOWN in any place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from butai.terraform.evaluation import numbers
from butai.terraform.evaluation.limits import LARGEST_VALUE, BeyondLimits
from butai.terraform.evaluation.number_text import plain_text
from butai.terraform.evaluation.numbers import Number
from butai.terraform.evaluation.ordering import place
from butai.terraform.evaluation.types import (
    ANY,
    BOOL,
    NUMBER,
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
from butai.terraform.hcl_literals import UNKNOWN


class Refused(Exception):  # noqa: N818 it says what is so, not what went wrong
    """Terraform refuses this: an operand, an argument or a conversion. `try` goes on after it."""


class SetValue(tuple[Any, ...]):
    """The plain elements of a set, each once, in Terraform's order."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A value and its type.

    `raw`: None for null, UNKNOWN, `bool`, `Number`, `str`, a tuple of values (list, set, tuple) or a dictionary of them.
    `size`: how many values it is made of, those in it included. `is_known`: whether all of them are known.
    """

    type: Type
    raw: Any
    size: int = 1
    is_known: bool = True

    @property
    def is_null(self) -> bool:
        """Whether it is null, of whatever type."""
        return self.raw is None

    @property
    def is_unknown(self) -> bool:
        """Whether nothing but its type is known of it; parts of other values may be unknown too."""
        return self.raw is UNKNOWN

    @property
    def is_plain_null(self) -> bool:
        """Whether it is the keyword `null`, which takes any type."""
        return self.raw is None and self.type.kind is Kind.ANY

    def items(self) -> Iterator[tuple[Value, Value]]:
        """Keys and values as `for` goes over them: a map by its keys, a list by its indexes, a set by its elements.

        Raises Refused for what has no elements.
        """
        if self.raw is None or not (self.type.is_sequence or self.type.is_mapping):
            raise Refused
        if self.type.is_mapping:
            return ((string(key), self.raw[key]) for key in sorted(self.raw))
        if self.type.kind is Kind.SET:
            return ((each, each) for each in self.raw)
        return ((count(index), each) for index, each in enumerate(self.raw))


TRUE: Final = Value(BOOL, True)
FALSE: Final = Value(BOOL, False)
NULL: Final = Value(ANY, None)
NOT_KNOWN: Final = Value(OPEN, UNKNOWN, is_known=False)
# What takes the place of what is refused.
REFUSED: Final = Value(ANY, UNKNOWN, is_known=False)


def boolean(value: bool) -> Value:
    """A bool."""
    return TRUE if value else FALSE


def string(text: str) -> Value:
    """A string; Unicode's composed forms are used, as everywhere in Terraform. Raises BeyondLimits."""
    size = 1 + len(text) // 16
    if size > LARGEST_VALUE:
        raise BeyondLimits
    return Value(STRING, text if text.isascii() else unicodedata.normalize("NFC", text), size)


def number(value: Number) -> Value:
    """A number."""
    return Value(NUMBER, value)


def count(value: int) -> Value:
    """A number that counts something."""
    return Value(NUMBER, numbers.counted(value))


def null(kind: Type) -> Value:
    """Null of a type."""
    return Value(kind, None)


def unknown(kind: Type) -> Value:
    """A value of which only the type is known."""
    return Value(kind, UNKNOWN, is_known=False)


def tuple_of(values: Sequence[Value]) -> Value:
    """A tuple. Raises BeyondLimits."""
    return _made(tuple_type(each.type for each in values), tuple(values), values)


def object_of(attributes: Mapping[str, Value]) -> Value:
    """An object. Raises BeyondLimits."""
    kept = {_composed(name): value for name, value in attributes.items()}
    return _made(object_type({name: value.type for name, value in kept.items()}), kept, kept.values())


def list_of(values: Sequence[Value], element: Type = ANY) -> Value:
    """A list; `element` is for an empty one. Raises Refused for elements of different types, and BeyondLimits."""
    element = _common(values, element)
    return _made(list_type(element), tuple(_typed(each, element) for each in values), values)


def map_of(values: Mapping[str, Value], element: Type = ANY) -> Value:
    """A map; `element` is for an empty one. Raises Refused for elements of different types, and BeyondLimits."""
    element = _common(values.values(), element)
    kept = {_composed(name): _typed(value, element) for name, value in values.items()}
    return _made(map_type(element), kept, kept.values())


def set_of(values: Sequence[Value], element: Type = ANY) -> Value:
    """A set; how many elements it has is unknown where one of them is. Raises as `list_of` does."""
    element = _common(values, element)
    if not all(each.is_known for each in values):
        return unknown(set_type(element))
    distinct: dict[Any, Value] = {}
    for each in values:
        distinct.setdefault(identity(each), _typed(each, element))
    ordered = sorted(distinct.values(), key=place)
    return _made(set_type(element), tuple(ordered), ordered)


def equals(left: Value, right: Value) -> bool | None:
    """Whether they are of the same type and the same; none where that is not known."""
    if left.is_unknown or right.is_unknown:
        return _equals_unknown(left, right)
    if left.is_null or right.is_null:
        return left.is_null and right.is_null
    if has_open_type(left) or has_open_type(right):
        return None if _may_conform(left.type, right.type) or _may_conform(right.type, left.type) else False
    if left.type != right.type:
        return False
    if left.type.is_primitive:
        return bool(left.raw == right.raw)
    if len(left.raw) != len(right.raw) or (left.type.is_mapping and left.raw.keys() != right.raw.keys()):
        return False
    if left.type.is_mapping:
        return _all_equal((left.raw[name], right.raw[name]) for name in sorted(left.raw))
    return _all_equal(zip(left.raw, right.raw, strict=True))


def identity(value: Value) -> Any:
    """Something hashable that two known values of one type share when they are equal."""
    if isinstance(value.raw, tuple):
        return tuple(identity(each) for each in value.raw)
    if isinstance(value.raw, dict):
        return tuple((name, identity(value.raw[name])) for name in sorted(value.raw))
    return value.raw


def plain(value: Value) -> Any:
    """The value as Python has it."""
    if isinstance(value.raw, tuple):
        made: Callable[[Iterable[Any]], Any] = SetValue if value.type.kind is Kind.SET else list
        return made(plain(each) for each in value.raw)
    if isinstance(value.raw, dict):
        return {name: plain(value.raw[name]) for name in sorted(value.raw)}
    return plain_number(value.raw) if isinstance(value.raw, Number) else value.raw


def plain_number(value: Number) -> int | float | Decimal:
    """An `int` for a whole number, a `float` where it prints the same, else a `Decimal`."""
    if value.is_whole:
        return value.truncated()
    exact = Decimal(plain_text(value))
    near = float(exact)
    return near if Decimal(repr(near)) == exact else exact


def from_plain(value: Any) -> Value:
    """A value from Python's; lists become tuples, dictionaries objects. Raises BeyondLimits and Refused."""
    if value is None or value is UNKNOWN:
        return NULL if value is None else NOT_KNOWN
    if isinstance(value, bool | str):
        return boolean(value) if isinstance(value, bool) else string(value)
    if isinstance(value, int | float | Decimal):
        parsed = numbers.parse(str(value))
        return NOT_KNOWN if parsed is None else number(parsed)
    if isinstance(value, Mapping):
        return object_of({str(name): from_plain(each) for name, each in value.items()})
    if isinstance(value, SetValue):
        return set_of([from_plain(each) for each in value])
    return tuple_of([from_plain(each) for each in value]) if isinstance(value, Sequence) else NOT_KNOWN


def _composed(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _made(kind: Type, raw: Any, parts: Iterable[Value]) -> Value:
    size, known = 1, True
    for each in parts:
        size += each.size
        known &= each.is_known
    if size > LARGEST_VALUE:
        raise BeyondLimits
    return Value(kind, raw, size, known)


def _common(values: Iterable[Value], element: Type) -> Type:
    """The one type that elements have; a plain null or an unknown value among them takes it."""
    kinds = [each.type for each in values]
    closed = [each for each in kinds if not each.is_loose]
    other = next((each for each in closed if each != closed[0]), None)
    if other is not None:
        # Where they differ in what is not known of them, the engine may find a type that suits all.
        raise BeyondLimits if _may_conform(other, closed[0]) or _may_conform(closed[0], other) else Refused
    return closed[0] if closed else OPEN if OPEN in kinds else element


def _typed(value: Value, element: Type) -> Value:
    return Value(element, value.raw, value.size, value.is_known) if value.type.is_loose else value


def _equals_unknown(left: Value, right: Value) -> bool | None:
    known, other = (right, left) if left.is_unknown else (left, right)
    if known.is_unknown or known.is_null or _has_any(other.type):
        return None
    return None if known.type == other.type else False


def _all_equal(pairs: Iterable[tuple[Value, Value]]) -> bool | None:
    for left, right in pairs:
        same = equals(left, right)
        if not same:
            return same
    return True


def has_open_type(value: Value) -> bool:
    """Whether a part is unknown down to its type."""
    if value.is_known or value.is_null:
        return False
    if value.is_unknown:
        return _has_any(value.type)
    parts = value.raw.values() if isinstance(value.raw, dict) else value.raw
    return any(has_open_type(each) for each in parts)


def _has_any(kind: Type) -> bool:
    parts = (*kind.elements, *kind.attributes.values(), *((kind.element,) if kind.element else ()))
    return kind.is_loose or any(_has_any(each) for each in parts)


def _may_conform(given: Type, wanted: Type) -> bool:
    if wanted.is_loose or given == wanted:
        return True
    if given.kind is not wanted.kind or given.is_primitive:
        return False
    if given.kind is Kind.OBJECT:
        names = given.attributes.keys() == wanted.attributes.keys()
        return names and all(_may_conform(each, wanted.attributes[name]) for name, each in given.attributes.items())
    if given.kind is Kind.TUPLE:
        pairs = zip(given.elements, wanted.elements, strict=False)
        return len(given.elements) == len(wanted.elements) and all(_may_conform(*pair) for pair in pairs)
    return _may_conform(given.inner, wanted.inner)
