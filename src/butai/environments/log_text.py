"""A run's whole log as plain text, read and given away piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from butai.runs.service import Runs, RunView
from butai.text import text

LINES_AT_ONCE = 2000


def as_text(run: RunView, runs: Runs, say: Callable[[str], str] = str) -> Iterator[str]:
    """The log's lines in pieces; memory does not grow with the log. `say`: Butai's own words in the asker's language."""
    if run.log_removed_at is not None:
        day = f"{run.log_removed_at:%Y-%m-%d}"
        gone = text("Removed by retention on {day}; what was made and deleted stays.", day=day)
        yield f"# {say(gone)}\n"
    after = 0
    while lines := runs.events(run.id, after=after, limit=LINES_AT_ONCE):
        after = lines[-1].seq
        yield "".join(f"{each.at:%Y-%m-%dT%H:%M:%SZ} {each.step:<6} {say(each.message)}\n" for each in lines)
