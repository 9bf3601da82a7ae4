"""Rules of holds: a person has an environment for a while, and nobody else changes it meanwhile. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from butai.errors import RefusedError, WrongUseError
from butai.interval import clock, date_and_time
from butai.text import text

AT_MOST = timedelta(hours=10)
"""A working day: whoever forgets a hold blocks others no longer than that."""
_LASTS = re.compile(r"(?:(?P<hours>[0-9]{1,2})h)?(?:(?P<minutes>[0-9]{1,3})m)?")


def until_of(words: str, now: datetime, zone: tzinfo) -> datetime:
    """When a hold ends that lasts `2h`, `90m` or `1h30m`, or that goes until `17:30` in the team's zone."""
    try:
        until = _until(words.strip(), now, zone)
    except ValueError:
        until = None
    if until is None or until <= now:
        raise WrongUseError(
            text("A hold cannot end at `{words}`.", words=words),
            next=text("Say how long it lasts (`2h`, `90m`) or until when today (`17:30`)."),
            where="until",
            code="bad-until",
        )
    if until - now > AT_MOST:
        raise WrongUseError(
            text("A hold lasts {hours} hours at most.", hours=AT_MOST // timedelta(hours=1)),
            why=text("Others wait for the environment."),
            next=text("Hold it again tomorrow."),
            where="until",
            code="hold-too-long",
        )
    return until


def _until(words: str, now: datetime, zone: tzinfo) -> datetime | None:
    if here := clock(words, now, zone):
        return here.astimezone(UTC)
    match = _LASTS.fullmatch(words)
    if match and (match["hours"] or match["minutes"]):
        return now + timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    return date_and_time(words, zone)


def held_now(hold: Mapping[str, Any] | None, now: datetime) -> Mapping[str, Any] | None:
    """The hold while it lasts."""
    return hold if hold and datetime.fromisoformat(hold["until"]) > now else None


def refuse_held(hold: Mapping[str, Any] | None, environment: str, by: str, now: datetime) -> None:
    """Refuse a change by anybody else while a hold lasts."""
    held = held_now(hold, now)
    if held is None or held["by"] == by:
        return
    raise RefusedError(
        text("`{environment}` is held by {who} until {until}.", environment=environment, who=held["by"],
             until=shown(held["until"])),
        why=held["reason"],
        next=text("Wait, or ask {who} to release it: `butai release {environment}`.", who=held["by"],
                  environment=environment),
        code="held",
    )  # fmt: skip


def shown(until: datetime | str) -> str:
    """The end of a hold in words: `2026-11-27 17:30 UTC`."""
    return f"{str(until)[:16].replace('T', ' ')} UTC"
