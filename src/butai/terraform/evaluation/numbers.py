"""Numbers as Terraform counts with them: binary floating point of up to 512 bits, printed with the fewest digits.

A number keeps the precision it was made with (512 bits from text, 64 from counting, 53 from a logarithm), because the
digits of a quotient depend on it. Rules of Go's `math/big.Float` and of cty, the library of values that Terraform uses.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from butai.terraform.evaluation.limits import BeyondLimits

# Of a literal, and of whatever is converted from a text.
WIDEST = 512
# Of lengths, indexes and other counts.
COUNTED = 64
# Powers of two beyond which a number is not worth its digits.
_LARGEST_EXPONENT = 20_000
_DECIMAL = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?")


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """`mantissa * 2**exponent`, with an odd mantissa (or 0 for both). Comparisons are by value alone."""

    mantissa: int
    exponent: int
    precision: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and (self.mantissa, self.exponent) == (other.mantissa, other.exponent)

    def __hash__(self) -> int:
        return hash((self.mantissa, self.exponent))

    def __lt__(self, other: Number) -> bool:
        left, right, _ = _aligned(self, other)
        return left < right

    def __le__(self, other: Number) -> bool:
        return not other < self

    @property
    def is_whole(self) -> bool:
        """Whether it is an integer."""
        return self.exponent >= 0

    def truncated(self) -> int:
        """Its integer part, towards zero."""
        if self.exponent >= 0:
            return self.mantissa << self.exponent
        whole = abs(self.mantissa) >> -self.exponent
        return -whole if self.mantissa < 0 else whole

    def as_float(self) -> float:
        """The nearest float. Raises OverflowError where there is none."""
        if self.exponent >= 0:
            return float(self.mantissa << self.exponent)
        return self.mantissa / (1 << -self.exponent)


def counted(value: int) -> Number:
    """The number of a count, of an index or of a parsed integer."""
    return rounded(value, 0, max(COUNTED, value.bit_length()))


def from_float(value: float) -> Number:
    """A number with a float's precision. Raises BeyondLimits for what is none or infinite."""
    if not math.isfinite(value):
        raise BeyondLimits
    top, bottom = value.as_integer_ratio()
    return rounded(top, 1 - bottom.bit_length(), 53)


def parse(text: str) -> Number | None:
    """A decimal number; none for any other text. Raises BeyondLimits for one that is too large or is -0."""
    if text.lstrip("+-").lower() == "inf":
        raise BeyondLimits
    match = _DECIMAL.fullmatch(text)
    if not match or not (match[2] or match[3]):
        return None
    if len(text) > _LARGEST_EXPONENT or len(match[4] or "") > 6:
        raise BeyondLimits
    digits = int(match[2] + (match[3] or "") or "0")
    tens = int(match[4] or "0") - len(match[3] or "")
    if abs(tens) * 3 > _LARGEST_EXPONENT or (digits == 0 and match[1] == "-"):
        raise BeyondLimits
    top, bottom = (digits * 10**tens, 1) if tens >= 0 else (digits, 10**-tens)
    return _quotient(-top if match[1] == "-" else top, bottom, WIDEST)


def add(left: Number, right: Number) -> Number:
    """Their sum, rounded to the wider precision."""
    first, second, exponent = _aligned(left, right)
    return rounded(first + second, exponent, max(left.precision, right.precision))


def subtract(left: Number, right: Number) -> Number:
    """Their difference, rounded to the wider precision."""
    first, second, exponent = _aligned(left, right)
    return rounded(first - second, exponent, max(left.precision, right.precision))


def multiply(left: Number, right: Number) -> Number:
    """Their product, with as many bits (up to 512) as it needs. Raises BeyondLimits for -0."""
    mantissa = left.mantissa * right.mantissa
    if mantissa == 0 and (left.mantissa < 0 or right.mantissa < 0):
        raise BeyondLimits
    exact = rounded(mantissa, left.exponent + right.exponent, WIDEST)
    precision = max(left.precision, right.precision, exact.mantissa.bit_length())
    return rounded(exact.mantissa, exact.exponent, precision)


def divide(left: Number, right: Number) -> Number:
    """Their quotient, rounded to the wider precision.

    Raises ZeroDivisionError for 0 / 0, and BeyondLimits for an infinite result or -0.
    """
    if right.mantissa == 0 and left.mantissa == 0:
        raise ZeroDivisionError
    if right.mantissa == 0 or (left.mantissa == 0 and right.mantissa < 0):
        raise BeyondLimits
    top, bottom = left.mantissa, abs(right.mantissa)
    found = _quotient(-top if right.mantissa < 0 else top, bottom, max(left.precision, right.precision))
    return rounded(found.mantissa, found.exponent + left.exponent - right.exponent, found.precision)


def remainder(left: Number, right: Number) -> Number:
    """The rest of a division towards zero. Raises BeyondLimits where an intermediate result does."""
    if right.mantissa == 0:
        return left
    whole = rounded(divide(left, right).truncated(), 0, left.precision)
    first, second, exponent = _aligned(left, rounded(*_product(whole, right), left.precision))
    return rounded(first - second, exponent, left.precision)


def negate(number: Number) -> Number:
    """The number with the other sign. Raises BeyondLimits for -0."""
    if number.mantissa == 0:
        raise BeyondLimits
    return Number(-number.mantissa, number.exponent, number.precision)


def floor(number: Number) -> Number:
    """The largest integer that is not above it."""
    return rounded(_down(number), 0, number.precision)


def ceiling(number: Number) -> Number:
    """The smallest integer that is not below it."""
    return rounded(-_down(Number(-number.mantissa, number.exponent, number.precision)), 0, number.precision)


def rounded(mantissa: int, exponent: int, precision: int) -> Number:
    """`mantissa * 2**exponent` with that many bits, to the nearest, halves to the even one."""
    if mantissa == 0:
        return Number(0, 0, precision)
    excess = mantissa.bit_length() - precision
    if excess > 0:
        mantissa, exponent = _nearest(mantissa, excess), exponent + excess
    zeros = (mantissa & -mantissa).bit_length() - 1
    mantissa, exponent = mantissa >> zeros, exponent + zeros
    if abs(exponent) > _LARGEST_EXPONENT:
        raise BeyondLimits
    return Number(mantissa, exponent, precision)


def _aligned(left: Number, right: Number) -> tuple[int, int, int]:
    exponent = min(left.exponent, right.exponent)
    return left.mantissa << (left.exponent - exponent), right.mantissa << (right.exponent - exponent), exponent


def _product(left: Number, right: Number) -> tuple[int, int]:
    return left.mantissa * right.mantissa, left.exponent + right.exponent


def _quotient(top: int, bottom: int, precision: int) -> Number:
    shift = max(precision + 2 - abs(top).bit_length() + bottom.bit_length(), 0)
    found, rest = divmod(abs(top) << shift, bottom)
    # One bit more says that there is a rest, which decides a half.
    found = (found << 1) | bool(rest)
    return rounded(-found if top < 0 else found, -shift - 1, precision)


def _nearest(mantissa: int, excess: int) -> int:
    size = abs(mantissa)
    kept, rest, half = size >> excess, size & ((1 << excess) - 1), 1 << (excess - 1)
    kept += rest > half or (rest == half and kept & 1)
    return -kept if mantissa < 0 else kept


def _down(number: Number) -> int:
    return number.mantissa << number.exponent if number.is_whole else number.mantissa >> -number.exponent
