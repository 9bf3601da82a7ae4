"""What a room gives so that its kinds of runs can be carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session

from butai.runs.folder import RunFolder, Work
from butai.runs.log import RunLog
from butai.runs.model import RunEnd
from butai.runs.service import RunView


@dataclass(frozen=True)
class Prepared:
    """What a supervisor is given: the work, and the engine's whole environment (secrets included, so never stored)."""

    work: Work
    environment: Mapping[str, str]


class Job(Protocol):
    """What a room does around the engine, for one kind of run."""

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        """Make the run's folder ready. A ButaiError ends the run before any change.

        No commands: the run needs no engine, and its work is done. After a death this is entered again: it is done once.
        """

    def look(self, run: RunView, log: RunLog) -> bool:
        """The run ended before its work was done: find what it made that no state knows. False: it could not be looked."""

    def ended(self, session: Session, run: RunView, end: RunEnd, folder: RunFolder) -> None:
        """Take note of the end, in the transaction that records it."""

    def after(self, run: RunView, end: RunEnd, log: RunLog) -> None:
        """What follows the end (bounded, may be repeated): wait until services are steady, verify a destroy."""

    def gave_up(self, run: RunView, reason: str, log: RunLog) -> None:
        """Take note that `after` could not be done."""
