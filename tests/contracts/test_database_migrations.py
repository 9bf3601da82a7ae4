"""Migrations make exactly the tables that the code expects, on both databases; a newer database is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text

from butai.db import Base, Database
from butai.db.migrate import _config, migrate
from butai.environments.store import Environment
from butai.errors import MissingPartError, RefusedError, WrongUseError
from butai.tables import load_tables
from support.postgres import PostgresServer, postgres

__all__ = ["postgres"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database(f"sqlite:///{tmp_path / 'butai.db'}")
    server: PostgresServer = request.getfixturevalue("postgres")
    return Database(server.new_database())


def test_migrations_make_the_tables_of_the_code(database: Database) -> None:
    migrate(database)
    migrate(database)
    load_tables()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_a_newer_database_is_refused_and_left_alone(database: Database) -> None:
    migrate(database)
    with database.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RefusedError, match="newer"):
        migrate(database)
    database.close()


def test_a_database_that_is_away_is_said_without_a_traceback() -> None:
    with pytest.raises(MissingPartError, match="cannot be used"):
        migrate(Database("postgresql://nobody@127.0.0.1:1/none"))
    with pytest.raises(WrongUseError, match="mysql"):
        Database("mysql://x")


def test_rows_of_the_first_tables_stay_when_texts_become_translatable(database: Database) -> None:
    with database.engine.connect() as connection, connection.begin():
        command.upgrade(_config(connection), "0001")
        words = 'blueprint name owner purpose ref "commit" engine_name engine_version lock_file health health_reason'
        columns = [*words.split(), *["services", "variables", "outputs", "urls", "left_over", "created_at"]]
        values = ["'x'"] * 11 + ["'{}'"] * 5 + ["'2026-01-02 03:04:05+00:00'"]
        connection.execute(text(f"INSERT INTO environments ({', '.join(columns)}) VALUES ({', '.join(values)})"))
    migrate(database)
    with database.session() as session:
        [row] = session.scalars(select(Environment))
        assert (row.name, row.health_reason, row.health_text) == ("x", "x", None)
    database.close()
