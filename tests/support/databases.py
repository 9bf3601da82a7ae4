"""Each database that Butai runs on, with every table and nothing in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from butai.db import Base, Database
from butai.tables import load_tables
from support.postgres import PostgresServer, postgres

__all__ = ["database", "database_url", "postgres"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'butai.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """It with every table, without the time that migrations take."""
    load_tables()
    found = Database(database_url)
    Base.metadata.create_all(found.engine)
    yield found
    found.close()
