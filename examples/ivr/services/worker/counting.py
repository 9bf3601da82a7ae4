"""What one finished call adds to the statistics. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

# All our callers are in one zone, and it has no summer time.
JAPAN = timezone(timedelta(hours=9))


def counts(call: Mapping[str, Any]) -> dict[str, int]:
    """Field of the hash, `group:name`, and what is added to it."""
    started = datetime.fromtimestamp(call["started"], JAPAN)
    fields = {
        "total:calls": 1,
        "total:seconds": round(call["ended"] - call["started"]),
        f"end:{call['end']}": 1,
        f"hour:{started:%H}": 1,
    }
    if call["titles"]:
        fields[f"choice:{call['titles'][0]}"] = 1
    return fields
