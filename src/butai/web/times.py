"""Points in time as pages show them: in the team's zone, short where they are read often, whole on hover."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta

FULL = {"en": "d MMMM yyyy, HH:mm:ss", "ja": "yyyy年M月d日 HH:mm:ss"}
SHORT = {"en": "d MMM HH:mm", "ja": "M/d HH:mm"}
DAY = {"en": "d MMM yyyy", "ja": "yyyy年M月d日"}


def local_time(at: datetime, zone: tzinfo, language: str) -> str:
    """A point in time in the team's zone, such as `22 Nov 10:41`."""
    return format_datetime(at.astimezone(zone), SHORT[language], locale=language)


def local_date(at: datetime, zone: tzinfo, language: str) -> str:
    """Its day in the team's zone, for what may be years ago: `22 Nov 2026`."""
    return format_datetime(at.astimezone(zone), DAY[language], locale=language)


def full_time(at: datetime, zone: tzinfo, language: str) -> str:
    """The same with year, seconds and zone, such as `22 November 2026, 10:41:07 JST`."""
    local = at.astimezone(zone)
    return f"{format_datetime(local, FULL[language], locale=language)} {local.tzname()}"


def clock_time(at: datetime, zone: tzinfo) -> str:
    """The time of day in the team's zone, as log lines have it: `10:41:07`."""
    return f"{at.astimezone(zone):%H:%M:%S}"


def iso_time(at: datetime) -> str:
    """For programs, as the API writes it: `2026-11-22T01:41:07Z`."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def age(at: datetime, now: datetime, language: str) -> str:
    """How long ago, roughly: `12 minutes ago`."""
    return format_timedelta(at - now, add_direction=True, locale=language)


def zone_name(zone: tzinfo) -> str:
    """The zone's name, as a browser knows it too."""
    return zone.key if isinstance(zone, ZoneInfo) else "UTC"
