"""Texts of numbers: with the fewest digits that tell a number of its precision, or with as many as are asked for."""

from __future__ import annotations

from butai.terraform.evaluation.numbers import Number


def plain_text(number: Number) -> str:
    """Without an exponent, and with the fewest digits that say which number of its precision it is."""
    if number.is_whole and number.truncated().bit_length() <= number.precision:
        return str(number.truncated())
    digits, point = shortest(number)
    sign = "-" if number.mantissa < 0 else ""
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    digits = digits.ljust(point, "0")
    return f"{sign}{digits[:point]}.{digits[point:]}".rstrip(".")


def shortest(number: Number) -> tuple[str, int]:
    """The fewest digits that tell it from its neighbours, and the place of the point before or behind them."""
    mantissa, shift = abs(number.mantissa), number.precision + 1 - number.mantissa.bit_length()
    mantissa, exponent = mantissa << shift, number.exponent - shift
    digits, point = exact_digits(mantissa, exponent)
    lower, upper = exact_digits(mantissa - 1, exponent)[0], exact_digits(mantissa + 1, exponent)[0]
    inclusive = mantissa & 2 == 0
    for place, digit in enumerate(digits):
        low = lower[place] if place < len(lower) else "0"
        high = upper[place] if place < len(upper) else "0"
        down = low != digit or (inclusive and place + 1 == len(lower))
        up = digit != high and (inclusive or int(digit) + 1 < int(high) or place + 1 < len(upper))
        if down and up:
            return round_digits(digits, point, place + 1)
        if down:
            return digits[: place + 1].rstrip("0"), point
        if up:
            return _next_up(digits[: place + 1], point)
    return digits, point


def round_digits(digits: str, point: int, count: int) -> tuple[str, int]:
    """The first `count` digits, rounded to the nearest, halves to the even one; without zeros at the end."""
    if count < 0 or count >= len(digits):
        return ("", point) if count < 0 else (digits, point)
    kept, rest = digits[:count], digits[count:]
    is_half = rest == "5"
    if rest[0] > "5" or (rest[0] == "5" and not is_half) or (is_half and bool(kept) and int(kept[-1]) % 2 == 1):
        return _next_up(kept, point)
    return kept.rstrip("0"), point


def exact_digits(mantissa: int, exponent: int) -> tuple[str, int]:
    """All digits of `mantissa * 2**exponent` (positive), without zeros at the end, and the place of the point."""
    if mantissa == 0:
        return "", 0
    scaled = mantissa << exponent if exponent >= 0 else mantissa * 5**-exponent
    digits = str(scaled)
    return digits.rstrip("0"), len(digits) + min(exponent, 0)


def _next_up(digits: str, point: int) -> tuple[str, int]:
    kept = digits.rstrip("9")
    if not kept:
        return "1", point + 1
    return kept[:-1] + str(int(kept[-1]) + 1), point


def general_text(number: Number, precision: int | None = None) -> str:
    """With an exponent where that is short: Go's `%g`. Without a precision it has the fewest digits."""
    digits, point = _digits(number, precision or 1) if precision is not None else _shortest(number)
    most = 6 if precision is None else max(precision, 1)
    if precision is not None and most > len(digits) >= point:
        most = len(digits)
    if not -4 <= point - 1 < most:
        return _exponent_text(_sign(number), digits, point, len(digits) - 1)
    return _fixed_text(_sign(number), digits, point, max(len(digits) - point, 0))


def exponent_text(number: Number, precision: int) -> str:
    """As `1.234560e+02`, with that many places: Go's `%e`."""
    return _exponent_text(_sign(number), *_digits(number, precision + 1), precision)


def fixed_text(number: Number, precision: int) -> str:
    """With that many places: Go's `%f`."""
    digits, point = exact_digits(abs(number.mantissa), number.exponent)
    return _fixed_text(_sign(number), *round_digits(digits, point, point + precision), precision)


def _sign(number: Number) -> str:
    return "-" if number.mantissa < 0 else ""


def _shortest(number: Number) -> tuple[str, int]:
    if number.is_whole and number.mantissa.bit_length() + number.exponent <= number.precision:
        return exact_digits(abs(number.mantissa), number.exponent)
    return shortest(number)


def _digits(number: Number, count: int) -> tuple[str, int]:
    return round_digits(*exact_digits(abs(number.mantissa), number.exponent), count)


def _exponent_text(sign: str, digits: str, point: int, places: int) -> str:
    padded = digits.ljust(places + 1, "0")
    exponent = point - 1 if digits else 0
    shown = f"{padded[0]}.{padded[1:]}" if places > 0 else padded[:1] or "0"
    return f"{sign}{shown}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _fixed_text(sign: str, digits: str, point: int, places: int) -> str:
    if point <= 0:
        whole, rest = "0", "0" * min(-point, places) + digits
    else:
        whole, rest = digits[:point].ljust(point, "0"), digits[point:]
    return f"{sign}{whole}.{rest[:places].ljust(places, '0')}" if places > 0 else f"{sign}{whole}"
