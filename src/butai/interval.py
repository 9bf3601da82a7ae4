"""Times as people write them: `30m`, `24h`, `7d` or `off` in `butai.yaml` and settings, `14:05` on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
# One number with one unit, and five minutes at least: what happens oftener than that is a load of its own.
EVERY = r"^(off|[5-9]m|[1-9][0-9]{1,3}m|[1-9][0-9]{0,2}h|[1-9][0-9]?d)$"


def interval(words: str) -> timedelta | None:
    """The time between two: none for `off`. Raises ValueError for anything else."""
    if not re.fullmatch(EVERY.strip("^$"), words):
        raise ValueError(words)
    return None if words == "off" else int(words[:-1]) * _UNITS[words[-1]]


def clock(words: str, now: datetime, zone: tzinfo) -> datetime | None:
    """`14:05` of today in that zone; none where the words are no time of day. Raises ValueError for `25:00`."""
    match = _CLOCK.fullmatch(words)
    if not match:
        return None
    return now.astimezone(zone).replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0)


def date_and_time(words: str, zone: tzinfo) -> datetime:
    """`2026-11-26 14:05`, in that zone unless it names one itself, as UTC. Raises ValueError for anything else."""
    at = datetime.fromisoformat(words)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
