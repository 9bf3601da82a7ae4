"""What went wrong in a run, in the engine's own words with file and line where it gave them."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.orm import Session

from butai.errors import ButaiError
from butai.runs import store
from butai.runs.folder import RunFolder
from butai.runs.model import EngineEnd, RunEnd, Step
from butai.runs.spawn import ERRORS
from butai.runs.views import RunView
from butai.terraform.events import plain
from butai.text import text

TAIL_BYTES = 2000
# What an engine that was interrupted says after what it really met.
_SAYS_NOTHING = frozenset({"Error: execution halted"})


def problem_of(
    session: Session, run: RunView, end: RunEnd, engine_end: EngineEnd | None, folder: RunFolder
) -> ButaiError | None:
    """The error to keep with a run's end; none where nothing went wrong, or where a person wanted it so."""
    if end is RunEnd.SUCCEEDED:
        return None
    if end in (RunEnd.CANCELLED_BEFORE_CHANGE, RunEnd.INTERRUPTED):
        return None if run.cancel_requested else _told_to_end()
    if end is RunEnd.LOST:
        return ButaiError(
            text("The end of this run was not seen."),
            why=text("Its supervisor and its engine are gone, and what they did could not be looked at."),
            next=text("Check and go on: Butai looks what is left, releases what the dead engine held, and runs again."),
            code="run-lost",
        )
    for event in reversed(store.events(session, run.id, limit=100_000)):
        if (
            event.kind == "diagnostic"
            and event.detail.get("severity") == "error"
            and event.message not in _SAYS_NOTHING
        ):
            place = event.detail.get("file", "")
            line = event.detail.get("line")
            where = f"{place}:{line}" if place and line else place
            summary = event.detail.get("summary") or event.message
            return ButaiError(summary, why=event.detail.get("detail", ""), where=where, code="engine-error")
    return _without_words(engine_end, folder)


def _told_to_end() -> ButaiError:
    return ButaiError(
        text("The run was stopped from outside."),
        why=text(
            "Its supervisor was told to end, by the system or by somebody on its machine; nobody stopped it in Butai."
        ),
        next=text("Run again: what it had made is in the state, or on the list of what no state knows."),
        code="stopped-from-outside",
    )


def _without_words(engine_end: EngineEnd | None, folder: RunFolder) -> ButaiError:
    step = engine_end.step if engine_end else Step.INIT
    words = _tail(folder.errors(step)) or _tail(folder.path / ERRORS)
    code = engine_end.exit_code if engine_end else None
    if code is not None and code >= 0:
        return ButaiError(text("The engine ended with exit code {code}.", code=code), why=words, code="engine-error")
    return ButaiError(
        text("The engine was ended from outside."),
        why=words or text("It was killed, or its machine went down."),
        next=text("Run again: what it had made is in the state, or on the list of what no state knows."),
        code="engine-killed",
    )


def _tail(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
        return plain(file.read().decode(errors="replace").strip())
