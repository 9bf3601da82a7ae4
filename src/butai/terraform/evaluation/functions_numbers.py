"""Functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

from butai.terraform.evaluation import numbers
from butai.terraform.evaluation.limits import BeyondLimits
from butai.terraform.evaluation.numbers import Number
from butai.terraform.evaluation.signatures import Function, Parameter, whole
from butai.terraform.evaluation.types import NUMBER, STRING
from butai.terraform.evaluation.values import Refused, Value, count, number

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MOST_DIGITS = 1000


def _abs(value: Value) -> Value:
    return number(numbers.negate(value.raw)) if value.raw.mantissa < 0 else value


def _floor(value: Value) -> Value:
    return number(numbers.floor(value.raw))


def _ceil(value: Value) -> Value:
    return number(numbers.ceiling(value.raw))


def _log(value: Value, base: Value) -> Value:
    return _by_float(lambda x, y: math.log(x) / math.log(y), value, base)


def _pow(value: Value, power: Value) -> Value:
    return _by_float(math.pow, value, power)


def _by_float(work: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """By the machine's floats; an infinite result or none at all is not worked out here. Raises BeyondLimits."""
    try:
        found = work(left.raw.as_float(), right.raw.as_float())
    except (ValueError, OverflowError, ZeroDivisionError):
        raise BeyondLimits from None
    if found == 0 and math.copysign(1, found) < 0:
        raise BeyondLimits
    return number(numbers.from_float(found))


def _max(*values: Value) -> Value:
    return _extreme(values, lambda each, best: best < each)


def _min(*values: Value) -> Value:
    return _extreme(values, lambda each, best: each < best)


def _extreme(values: tuple[Value, ...], is_better: Callable[[Number, Number], bool]) -> Value:
    if not values:
        raise Refused
    best = values[0]
    for each in values[1:]:
        best = each if is_better(each.raw, best.raw) else best
    return best


def _signum(value: Value) -> Value:
    found = whole(value)
    return count((found > 0) - (found < 0))


def _parseint(text: Value, base: Value) -> Value:
    if text.type != STRING or not 2 <= whole(base) <= 62:
        raise Refused
    radix = whole(base)
    sign, digits = (text.raw[:1], text.raw[1:]) if text.raw[:1] in {"+", "-"} else ("", text.raw)
    if len(digits) > _MOST_DIGITS:
        raise BeyondLimits
    # Up to base 36 capitals are the same as small letters.
    places = [_DIGITS.find(each.lower() if radix <= 36 and each.isascii() else each) for each in digits]
    if not places or min(places) < 0 or max(places) >= radix:
        raise Refused
    found = 0
    for each in places:
        found = found * radix + each
    return count(-found if sign == "-" else found)


_NUMBER = Parameter(NUMBER)

FUNCTIONS = {
    "abs": Function(_abs, (_NUMBER,), result=NUMBER),
    "ceil": Function(_ceil, (_NUMBER,), result=NUMBER),
    "floor": Function(_floor, (_NUMBER,), result=NUMBER),
    "log": Function(_log, (_NUMBER, _NUMBER), result=NUMBER),
    "max": Function(_max, rest=_NUMBER, result=NUMBER),
    "min": Function(_min, rest=_NUMBER, result=NUMBER),
    "parseint": Function(_parseint, (Parameter(), _NUMBER), result=NUMBER),
    "pow": Function(_pow, (_NUMBER, _NUMBER), result=NUMBER),
    "signum": Function(_signum, (_NUMBER,), result=NUMBER),
}
