"""What changed since a visitor last looked at an environment's page. Pure; what was seen is kept in the visitor's own cookie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from butai.runs.model import READ_ONLY
from butai.runs.service import RunView

COOKIE = "butai_seen"
KEPT = 40
SHOWN = 5
AWAY_FOR = timedelta(minutes=20)
"""Who looks again within this time has not been away: what was new stays marked as new."""
_MINUTE = 60


@dataclass(frozen=True)
class Seen:
    """One environment as somebody saw it: the newest run before this visit, the newest one by now, and when (minutes)."""

    before: int
    newest: int
    at: int


@dataclass(frozen=True)
class Since:
    """What changed since: the newest runs that changed something, and how many more."""

    at: datetime
    runs: Sequence[RunView]
    more: int


def read(cookie: str) -> dict[int, Seen]:
    """What a cookie says; nothing of what it does not say well."""
    found = {}
    for entry in cookie.split("."):
        parts = entry.split("-")
        if len(parts) == 4 and all(part.isascii() and part.isdigit() and len(part) < 16 for part in parts):
            environment, *rest = map(int, parts)
            found[environment] = Seen(*rest)
    return found


def written(seen: dict[int, Seen]) -> str:
    """A cookie with those that were looked at last."""
    newest = sorted(seen.items(), key=lambda each: each[1].at)[-KEPT:]
    return ".".join(f"{key}-{each.before}-{each.newest}-{each.at}" for key, each in newest)


def visit(known: Seen | None, newest: int, now: datetime) -> Seen:
    """This visit, after one from before (none: the first one)."""
    minute = int(now.timestamp()) // _MINUTE
    if known is None:
        return Seen(newest, newest, minute)
    away = minute - known.at >= AWAY_FOR.total_seconds() / _MINUTE
    return Seen(known.newest if away else known.before, newest, minute)


def since(known: Seen | None, seen: Seen, history: Sequence[RunView], who: str) -> Since | None:
    """What others did since this visitor looked, newest first; none where that is nothing."""
    new = [each for each in history if each.id > seen.before and each.requested_by != who]
    changes = [each for each in new if each.kind not in READ_ONLY]
    if known is None or not changes:
        return None
    at = datetime.fromtimestamp(known.at * _MINUTE, UTC)
    return Since(at, changes[:SHOWN], max(0, len(changes) - SHOWN))
