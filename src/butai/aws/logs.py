"""Lines of CloudWatch Logs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

AT_ONCE = 1000


@dataclass(frozen=True)
class Line:
    """One line: its id, when it was written, and the stream that it came through."""

    id: str
    at: datetime
    stream: str
    message: str


def lines_since(logs: Any, group: str, prefix: str, since: datetime) -> list[Line]:
    """What streams whose names begin like that have got since then: the oldest at most a thousand."""
    found: list[Line] = []
    asked = {
        "logGroupName": group,
        "logStreamNamePrefix": prefix,
        "startTime": int(since.timestamp() * 1000),
        "limit": AT_ONCE,
    }
    # A page may be empty although there is more.
    while True:
        page = logs.filter_log_events(**asked)
        found += [_line(each) for each in page["events"]]
        if len(found) >= AT_ONCE or not page.get("nextToken"):
            return found[:AT_ONCE]
        asked["nextToken"] = page["nextToken"]


def _line(event: dict[str, Any]) -> Line:
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    return Line(str(event["eventId"]), at, str(event["logStreamName"]), str(event["message"]).rstrip())
