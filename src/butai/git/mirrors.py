"""Mirrors kept up to date by themselves, and as of when they are: what a server knows of branches is as old as its last fetch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from butai.errors import ButaiError
from butai.git.repository import Repository

log = structlog.get_logger()


@dataclass(frozen=True)
class Fetched:
    """When a mirror was last brought up to date (none for never), and why that has failed since, if it has."""

    at: datetime | None
    failure: str


class Mirrors:
    """Fetches repositories, and remembers what failed. What a mirror holds stays as it was then."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[float, str]] = {}

    def fetch(self, repositories: Iterable[Repository], *, max_age_s: float) -> None:
        """Bring up to date what is older than that, one after the other."""
        for repository in repositories:
            try:
                repository.fetch(max_age_s=max_age_s)
            except ButaiError as error:
                self._failures[repository.location] = (time.time(), error.what)
                log.warning("not fetched", why=error.what)

    def fetched(self, repository: Repository) -> Fetched:
        """As of when a mirror is. A failure is over when anybody has fetched since, on the command line too."""
        at = repository.fetched_at()
        failed_at, why = self._failures.get(repository.location, (0.0, ""))
        return Fetched(datetime.fromtimestamp(at, UTC) if at else None, why if failed_at > at else "")


def in_background(fetch: Callable[[float], None], every: timedelta | None) -> None:
    """Call `fetch` now and then, with how old a mirror may be; none: never. In a thread that nobody waits for."""
    if every is not None:
        threading.Thread(
            target=_again_and_again, args=(fetch, every.total_seconds()), name="fetch", daemon=True
        ).start()


def _again_and_again(fetch: Callable[[float], None], seconds: float) -> None:
    while True:
        try:
            fetch(seconds / 2)
        except Exception:
            # A database that is away, or a fault: the next round looks again.
            log.exception("fetching mirrors")
        time.sleep(seconds)
