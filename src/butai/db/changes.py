"""Hearing at once that somebody has written to a database, for next to nothing: a query fifty times a
second would cost more than all that follows from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from butai.db.base import AWAY, Database

# What a run waits at most until a worker hears of it, and what an idle worker pays: less than a percent of a core.
HEARS_EVERY_S = 0.02


def tell(session: Session, channel: str) -> None:
    """Let those who listen know, once this transaction is committed. On SQLite they see every write without it."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_notify(channel, "")))


class _Ear(Protocol):
    def heard(self) -> bool: ...


class _Counter:
    """SQLite counts what others commit."""

    def __init__(self, connection: Any) -> None:
        self._cursor = connection.cursor()
        self._seen = self._now()

    def heard(self) -> bool:
        before, self._seen = self._seen, self._now()
        return bool(before != self._seen)

    def _now(self) -> Any:
        return self._cursor.execute("PRAGMA data_version").fetchone()


class _Listener:
    """PostgreSQL tells who listens."""

    def __init__(self, connection: Any, channel: str) -> None:
        self._connection = connection
        connection.autocommit = True
        connection.execute(f"LISTEN {channel}")

    def heard(self) -> bool:
        return len(list(self._connection.notifies(timeout=0))) > 0


class Changes:
    """What is written to a database, as heard by one thread. `channel`: what writers name to `tell`."""

    def __init__(self, database: Database, channel: str) -> None:
        self._database, self._channel = database, channel
        self._ear: _Ear | None = None
        # Nobody translates on a connection of one's own what its driver raises.
        self._away: tuple[type[Exception], ...] = (*AWAY, database.engine.dialect.loaded_dbapi.Error)

    def wait(self, seconds: float, enough: Callable[[], bool]) -> None:
        """Until something was written, or `enough` says so, or the seconds are over. A database that is away is deaf."""
        until = time.monotonic() + seconds
        while not (enough() or self._heard()) and time.monotonic() < until:
            time.sleep(HEARS_EVERY_S)

    def _heard(self) -> bool:
        try:
            if self._ear is None:
                self._ear = self._listen()
                return True
            return self._ear.heard()
        except self._away:
            self._ear = None
            return False

    def _listen(self) -> _Ear:
        """On a connection of its own, which no transaction ever uses."""
        taken = self._database.engine.raw_connection()
        own = taken.driver_connection
        taken.detach()
        is_postgresql = self._database.engine.dialect.name == "postgresql"
        return _Listener(own, self._channel) if is_postgresql else _Counter(own)
