"""A length of time as people write it in `butai.yaml` and settings: `30m`, `24h`, `7d`, or `off`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
# One number with one unit, and five minutes at least: what happens oftener than that is a load of its own.
EVERY = r"^(off|[5-9]m|[1-9][0-9]{1,3}m|[1-9][0-9]{0,2}h|[1-9][0-9]?d)$"


def interval(words: str) -> timedelta | None:
    """The time between two: none for `off`. Raises ValueError for anything else."""
    if not re.fullmatch(EVERY.strip("^$"), words):
        raise ValueError(words)
    return None if words == "off" else int(words[:-1]) * _UNITS[words[-1]]
