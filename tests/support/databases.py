"""Each database that Butai runs on, with every table and nothing in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from butai.db import Database
from butai.tables import load_tables
from support.migrated import sqlite_with_tables
from support.postgres import PostgresServer, postgres
from support.variants import POSTGRESQL_FIRST

__all__ = ["database", "database_url", "postgres", "team_database_url"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database."""
    return _url(request, tmp_path)


@pytest.fixture(params=POSTGRESQL_FIRST)
def team_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same for a long story: of the two the one that several machines have."""
    return _url(request, tmp_path)


def _url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_with_tables(tmp_path / "butai.db")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.with_tables()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database itself."""
    load_tables()
    found = Database(database_url)
    yield found
    found.close()
