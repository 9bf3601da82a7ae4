"""Bring a database to the tables of this version. A newer database than this program is refused."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy import text as sql

from butai.db.base import Database
from butai.errors import MissingPartError, RefusedError
from butai.text import text

SCRIPTS = Path(__file__).parent / "migrations"
# Server and worker start together: one migrates, the other waits. Any number that no other part uses.
MIGRATION_LOCK = 0x6D69_6772_6174


def migrate(database: Database) -> None:
    """Apply what is missing. Raises RefusedError when the database is of a newer Butai."""
    from sqlalchemy.exc import OperationalError

    try:
        with database.engine.connect() as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sql("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            _refuse_newer(connection)
            command.upgrade(_config(connection), "head")
    except OperationalError as error:
        raise MissingPartError(
            text("The database cannot be used."),
            why=str(error.orig),
            next=text("Check `--database` (or BUTAI_DATABASE) and that the database is running."),
            code="database-away",
        ) from error


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config


def _refuse_newer(connection: Connection) -> None:
    present = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()}
    if present is not None and present not in known:
        raise RefusedError(
            text("This database was made by a newer Butai."),
            why=text("Its revision is {present}.", present=present),
            next=text("Install that version again; nothing was changed."),
            code="database-newer",
        )
