"""Hearing of writes, on both databases, also after one was away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import func, select, text

from butai.db import Database
from butai.db.changes import Changes, tell
from butai.environments.store import Environment
from support.databases import database, database_url, postgres
from support.postgres import PostgresServer, start
from support.rows import add_environment

__all__ = ["database", "database_url", "postgres"]

LONG_S = 20.0
CHANNEL = "butai_words"


def never() -> bool:
    return False


def seconds(changes: Changes, limit: float = LONG_S, enough: Callable[[], bool] = never) -> float:
    """How long it waited."""
    began = time.monotonic()
    changes.wait(limit, enough)
    return time.monotonic() - began


def write(database: Database) -> None:
    name = f"qa-{time.monotonic_ns()}"
    add_environment(database, name)
    with database.session() as session:
        tell(session, CHANNEL)


@pytest.fixture
def changes(database: Database) -> Changes:
    """With what came before it already heard."""
    changes = Changes(database, CHANNEL)
    assert seconds(changes) < LONG_S  # the first time it cannot know
    return changes


def test_a_write_is_heard_while_it_is_waited_for_and_before(changes: Changes, database: Database) -> None:
    threading.Timer(0.2, write, [database]).start()
    assert 0.1 < seconds(changes) < LONG_S
    write(database)
    assert seconds(changes) < LONG_S


def test_what_was_heard_is_not_heard_again_and_reading_is_not_heard(changes: Changes, database: Database) -> None:
    write(database)
    seconds(changes)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Environment)) == 1
    assert seconds(changes, limit=0.2) >= 0.2


def test_what_was_not_committed_is_not_heard(changes: Changes, database: Database) -> None:
    with pytest.raises(RuntimeError), database.session() as session:
        session.execute(text("UPDATE environments SET name = 'x'"))
        tell(session, CHANNEL)
        raise RuntimeError("no")
    assert seconds(changes, limit=0.2) >= 0.2


def test_nothing_is_waited_for_when_it_is_enough(changes: Changes) -> None:
    enough = threading.Event()
    threading.Timer(0.1, enough.set).start()
    assert seconds(changes, enough=enough.is_set) < LONG_S


def test_a_database_that_was_away_is_heard_again() -> None:
    server: PostgresServer = start()
    try:
        database = Database(server.with_tables())
        changes = Changes(database, CHANNEL)
        seconds(changes)
        server.halt()
        assert seconds(changes, limit=0.2) >= 0.2
        server.again()
        seconds(changes)
        write(database)
        assert seconds(changes) < LONG_S
        database.close()
    finally:
        server.stop()
