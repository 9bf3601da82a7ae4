"""What functions take and give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from butai.terraform.evaluation import numbers
from butai.terraform.evaluation.types import ANY, OPEN, Type
from butai.terraform.evaluation.values import Refused, Value


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a function takes in one place.

    `null`, `unknown`: it takes such values. `anything`: it also takes what is unknown down to its type, and plain null.
    """

    type: Type = ANY
    null: bool = False
    unknown: bool = False
    anything: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function; `rest` is for any number of further arguments, `result` the type it always has, if it has one.

    `body` gets the arguments, after the evaluator where it `looks` around. It raises Refused and BeyondLimits.
    """

    body: Callable[..., Value]
    parameters: tuple[Parameter, ...] = ()
    rest: Parameter | None = None
    result: Type = OPEN
    looks: bool = False


def whole(value: Value) -> int:
    """A known number that is a whole one of 64 bits. Raises Refused."""
    found: numbers.Number = value.raw
    if not found.is_whole or not -(2**63) <= found.truncated() < 2**63:
        raise Refused
    return found.truncated()
