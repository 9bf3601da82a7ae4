"""Types of Terraform's values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from butai.terraform.evaluation.values import Value


class Kind(Enum):
    """What a type is made of.

    `ANY` is the type of a plain `null`, which takes any other, and of what was refused. `OPEN` is the type of what is
    unknown here down to its type, though it has one in the world: what is brought to one type with it is not known.
    """

    STRING = "string"
    NUMBER = "number"
    BOOL = "bool"
    ANY = "any"
    OPEN = "open"
    LIST = "list"
    SET = "set"
    MAP = "map"
    TUPLE = "tuple"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Type:
    """A type. A list, set or map has an `element`; a tuple has `elements`, an object `attributes`.

    `optional` names the attributes that may be missing where a variable declares the type, `defaults` what they are
    then. Types of values have neither.
    """

    kind: Kind
    element: Type | None = None
    elements: tuple[Type, ...] = ()
    attributes: Mapping[str, Type] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    defaults: Mapping[str, Value] = field(default_factory=dict, compare=False)

    @property
    def is_primitive(self) -> bool:
        """A string, a number or a bool."""
        return self.kind in _PRIMITIVE

    @property
    def is_sequence(self) -> bool:
        """A list, a set or a tuple."""
        return self.kind in _SEQUENCES

    @property
    def is_mapping(self) -> bool:
        """A map or an object."""
        return self.kind in _MAPPINGS

    @property
    def inner(self) -> Type:
        """The type of a collection's elements."""
        return self.element or ANY

    @property
    def is_loose(self) -> bool:
        """No type that a value can be told by."""
        return self.kind is Kind.ANY or self.kind is Kind.OPEN

    def opened(self) -> Type:
        """The type of an unknown value of a declared type: `any` in it stands for a type that is not known."""
        if self.kind is Kind.ANY:
            return OPEN
        return Type(
            self.kind,
            self.element and self.element.opened(),
            tuple(each.opened() for each in self.elements),
            {name: each.opened() for name, each in self.attributes.items()},
        )

    def of_values(self) -> Type:
        """The type that values of a declared type have: nothing is optional in it."""
        if self.element:
            return Type(self.kind, self.element.of_values())
        if self.kind is Kind.TUPLE:
            return tuple_type(each.of_values() for each in self.elements)
        if self.kind is Kind.OBJECT:
            return object_type({name: each.of_values() for name, each in self.attributes.items()})
        return self


_PRIMITIVE = frozenset({Kind.STRING, Kind.NUMBER, Kind.BOOL})
_SEQUENCES = frozenset({Kind.LIST, Kind.SET, Kind.TUPLE})
_MAPPINGS = frozenset({Kind.MAP, Kind.OBJECT})

STRING: Final = Type(Kind.STRING)
NUMBER: Final = Type(Kind.NUMBER)
BOOL: Final = Type(Kind.BOOL)
ANY: Final = Type(Kind.ANY)
OPEN: Final = Type(Kind.OPEN)


def list_type(element: Type) -> Type:
    """`list(element)`."""
    return Type(Kind.LIST, element)


def set_type(element: Type) -> Type:
    """`set(element)`."""
    return Type(Kind.SET, element)


def map_type(element: Type) -> Type:
    """`map(element)`."""
    return Type(Kind.MAP, element)


def tuple_type(elements: Iterable[Type]) -> Type:
    """`tuple([...])`."""
    return Type(Kind.TUPLE, elements=tuple(elements))


def object_type(attributes: Mapping[str, Type]) -> Type:
    """`object({...})`."""
    return Type(Kind.OBJECT, attributes=attributes)
