"""What the patterns page shows: one example of every component, with believable content."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from butai.environments.log_view import TITLES
from butai.errors import WrongUseError
from butai.runs.model import Step
from butai.text import text

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def example() -> SimpleNamespace:
    """Context of the page."""
    failed = {
        "severity": "error",
        "file": "redis.tf",
        "line": 4,
        "detail": "The node type is not offered in this region.",
    }
    applied = [
        _line(3, "done", "aws_lb_target_group.web: Creation complete after 1s, as `aws_lb_listener.web` wants it"),
        _line(4, "started", "aws_elasticache_cluster.this: Creating..."),
        _line(5, "diagnostic", "creating ElastiCache cluster (ivr-qa-1)", **failed),
    ]
    steps = [
        SimpleNamespace(
            step="export", title=TITLES[Step.EXPORT], kind="up", open=False, lines=[_line(1, "note", "Export")]
        ),
        SimpleNamespace(
            step="init", title=TITLES[Step.INIT], kind="up", open=False, lines=[_line(2, "log", "Initialised")]
        ),
        SimpleNamespace(step="apply", title=TITLES[Step.APPLY], kind="down", open=True, lines=applied),
    ]
    error = WrongUseError(
        text(
            "A name has {shortest} to {longest} lower-case letters, digits and single hyphens inside, and is no bare number.",
            shortest=2,
            longest=20,
        ),
        why=text("Names become parts of host names and of AWS names, whose lengths are limited."),
        next=text("Try `{nearest}`.", nearest="blue-banner"),
    )
    had = ["001_calls.sql", "002_customers.sql", "003_notes.sql"]
    database = [SimpleNamespace(had=had, ahead=ahead, branch="call-notes") for ahead in ([], had[2:])]
    return SimpleNamespace(
        database=database, error=error, run=SimpleNamespace(id=128, settled_at=AT), steps=steps, titles=TITLES
    )


def _line(seq: int, kind: str, message: str, **detail: Any) -> SimpleNamespace:
    return SimpleNamespace(seq=seq, kind=kind, message=message, at=AT, detail=detail)
