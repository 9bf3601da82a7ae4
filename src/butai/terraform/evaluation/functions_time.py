"""Functions of given times. What the time is now, is nobody's to know here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

from butai.terraform.evaluation.limits import BeyondLimits
from butai.terraform.evaluation.signatures import Function, Parameter
from butai.terraform.evaluation.types import NUMBER, STRING
from butai.terraform.evaluation.values import Refused, Value, count, string

_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_PIECE = re.compile(r"''|'(?:[^']|'')*'(?!')|([A-Za-z])\1*|[^A-Za-z']+")
_DURATION = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@dataclass(frozen=True, slots=True)
class _Moment:
    """A time to the second with its zone, and the nanoseconds after it."""

    at: datetime
    nanoseconds: int


def _moment(text: str) -> _Moment:
    match = _TIME.fullmatch(text)
    if not match:
        raise Refused
    year, month, day, hour, minute, second = (int(match[place]) for place in range(1, 7))
    hours, minutes = int(match[9] or 0), int(match[10] or 0)
    if year == 0 or hours > 23 or minutes > 59:
        raise BeyondLimits
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if match[8] == "-" else 1)
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=timezone(offset))
    except ValueError:
        raise Refused from None
    return _Moment(at, int((match[7] or "0")[:9].ljust(9, "0")))


def _offset(at: datetime, colon: str) -> str:
    minutes = int((at.utcoffset() or timedelta()).total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{colon}{abs(minutes) % 60:02d}"


def _zone(at: datetime) -> str:
    return _offset(at, ":") if at.utcoffset() else "Z"


def _formatdate(pattern: Value, time: Value) -> Value:
    at = _moment(time.raw).at
    found: list[str] = []
    place = 0
    while place < len(pattern.raw):
        match = _PIECE.match(pattern.raw, place)
        if not match:
            raise Refused
        found.append(_shown(match.group(), at))
        place = match.end()
    return string("".join(found))


def _shown(piece: str, at: datetime) -> str:
    if piece[0] == "'":
        return "'" if piece == "''" else piece[1:-1].replace("''", "'")
    if not (piece[0].isascii() and piece[0].isalpha()):
        return piece
    show = _VERBS.get(piece)
    if show is None:
        raise Refused
    return show(at)


_VERBS: dict[str, Callable[[datetime], str]] = {
    "YY": lambda at: f"{at.year % 100:02d}",
    "YYYY": lambda at: f"{at.year:04d}",
    "M": lambda at: str(at.month),
    "MM": lambda at: f"{at.month:02d}",
    "MMM": lambda at: _MONTHS[at.month - 1][:3],
    "MMMM": lambda at: _MONTHS[at.month - 1],
    "D": lambda at: str(at.day),
    "DD": lambda at: f"{at.day:02d}",
    "EEE": lambda at: _DAYS[at.weekday()][:3],
    "EEEE": lambda at: _DAYS[at.weekday()],
    "h": lambda at: str(at.hour),
    "hh": lambda at: f"{at.hour:02d}",
    "H": lambda at: str(at.hour % 12 or 12),
    "HH": lambda at: f"{at.hour % 12 or 12:02d}",
    "AA": lambda at: "PM" if at.hour >= 12 else "AM",
    "aa": lambda at: "pm" if at.hour >= 12 else "am",
    "m": lambda at: str(at.minute),
    "mm": lambda at: f"{at.minute:02d}",
    "s": lambda at: str(at.second),
    "ss": lambda at: f"{at.second:02d}",
    "Z": _zone,
    "ZZZ": lambda at: _offset(at, "") if at.utcoffset() else "UTC",
    "ZZZZ": lambda at: _offset(at, ""),
    "ZZZZZ": lambda at: _offset(at, ":"),
}


def _nanoseconds(text: str) -> int:
    """A duration such as `-1h30m`. Raises Refused."""
    sign, rest = (text[:1], text[1:]) if text[:1] in {"+", "-"} else ("", text)
    if rest == "0":
        return 0
    total, place = 0, 0
    while place < len(rest):
        match = _DURATION.match(rest, place)
        if not match or not (match[1] or match[2]):
            raise Refused
        part = Fraction(int(match[1] or 0)) + Fraction(int(match[2] or 0), 10 ** len(match[2] or ""))
        total += int(part * _UNITS[match[3]])
        place = match.end()
    if not rest or total >= 2**63:
        raise Refused
    return -total if sign == "-" else total


def _timeadd(time: Value, duration: Value) -> Value:
    moment = _moment(time.raw)
    seconds = (moment.nanoseconds + _nanoseconds(duration.raw)) // 10**9
    try:
        at = moment.at + timedelta(seconds=seconds)
    except OverflowError:
        raise BeyondLimits from None
    return string(at.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + _zone(at))


def _timecmp(left: Value, right: Value) -> Value:
    try:
        moments = [_moment(each.raw) for each in (left, right)]
        before, after = ((each.at.astimezone(UTC), each.nanoseconds) for each in moments)
    except (Refused, OverflowError):
        # It takes a few more ways to write a time than the other functions.
        raise BeyondLimits from None
    return count((before > after) - (before < after))


_TEXT = Parameter(STRING)

FUNCTIONS = {
    "formatdate": Function(_formatdate, (_TEXT, _TEXT), result=STRING),
    "timeadd": Function(_timeadd, (_TEXT, _TEXT), result=STRING),
    "timecmp": Function(_timecmp, (_TEXT, _TEXT), result=NUMBER),
}
