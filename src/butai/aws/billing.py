"""What each month is paid for a thing: by the hour or the month, by use, or nothing. Pure.

Things are told as Terraform's types and attributes, whoever tells: an account or code. What would have to be guessed is not
known, and what is paid by use is never nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from butai.aws.price_list import Rate
from butai.terraform.hcl_literals import UNKNOWN


@dataclass(frozen=True)
class Part:
    """So many units of a rate, at every moment of the month."""

    rate: Rate
    number: Decimal


@dataclass(frozen=True)
class Billing:
    """What is paid for a thing. `by_use`: something beside `parts` that only use decides, such as traffic.

    Known, without parts and not by use: it costs nothing by itself.
    """

    parts: tuple[Part, ...] = ()
    by_use: bool = False
    is_known: bool = True

    def times(self, number: int) -> Billing:
        """Of several that are alike."""
        if not number:
            return FREE
        return replace(self, parts=tuple(Part(each.rate, each.number * number) for each in self.parts))


FREE: Final = Billing()
BY_USE: Final = Billing(by_use=True)
NOT_KNOWN: Final = Billing(is_known=False)


class UnsaidError(Exception):
    """An attribute on which the price hangs is not known, or says something whose price Butai does not know."""


class Told:
    """Attributes of a thing, those of inner blocks by their dotted names. What is not known of them ends the asking."""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self._attributes = attributes

    def has(self, name: str) -> bool:
        """Whether something is said, known or not."""
        return self._attributes.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """A word. Without `default` it has to be said."""
        return str(self._value(name, default))

    def number(self, name: str, default: int | None = None) -> Decimal:
        """A number that is not negative."""
        try:
            found = Decimal(str(self._value(name, default)))
        except InvalidOperation as error:
            raise UnsaidError from error
        if not found.is_finite() or found < 0:
            raise UnsaidError
        return found

    def flag(self, name: str) -> bool:
        """Yes or no; no if it is not said."""
        return str(self._value(name, default=False)).lower() == "true"

    def length(self, name: str) -> int:
        """How many are listed."""
        found = self._value(name, ())
        if not isinstance(found, list | tuple):
            raise UnsaidError
        return len(found)

    def one_of(self, name: str, known: Mapping[str, str], default: str | None = None) -> str:
        """What a word stands for; one that is none of these ends the asking."""
        said = self.text(name, default)
        if said not in known:
            raise UnsaidError
        return known[said]

    def inner(self, name: str) -> list[Told]:
        """Several that are told of together."""
        found = self._value(name, None)
        if not isinstance(found, list | tuple):
            raise UnsaidError
        return [Told(each) for each in found]

    def must(self, said: bool) -> None:
        """End the asking where something is otherwise than what is understood."""
        if not said:
            raise UnsaidError

    def _value(self, name: str, default: object) -> object:
        found = self._attributes.get(name)
        found = default if found is None else found
        if found is None or found is UNKNOWN:
            raise UnsaidError
        return found
