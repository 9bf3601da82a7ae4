"""A run's whole log as plain text, read and given away piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

from butai.runs.service import EventView, Runs, RunView

LINES_AT_ONCE = 2000


def as_text(run: RunView, runs: Runs) -> Iterator[str]:
    """The log's lines in pieces; memory does not grow with the log."""
    if run.log_removed_at is not None:
        yield f"# Removed by retention on {run.log_removed_at:%Y-%m-%d}; what was made and deleted stays.\n"
    after = 0
    while lines := runs.events(run.id, after=after, limit=LINES_AT_ONCE):
        after = lines[-1].seq
        yield "".join(_line(each) for each in lines)


def _line(event: EventView) -> str:
    return f"{event.at:%Y-%m-%dT%H:%M:%SZ} {event.step:<6} {event.message}\n"
