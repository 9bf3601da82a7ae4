"""Bring a database to the tables of this version. A newer database than this program is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect
from sqlalchemy import text as sql
from sqlalchemy.exc import OperationalError

from butai.db.base import Database
from butai.errors import MissingPartError, RefusedError
from butai.text import text

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = Path(__file__).parent / "migrations"
# Server and worker start together: one migrates, the other waits. Any number that no other part uses.
MIGRATION_LOCK = 0x6D69_6772_6174


def migrate(database: Database) -> None:
    """Apply what is missing. Raises RefusedError when the database is of a newer Butai."""
    try:
        with database.engine.connect() as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sql("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            if _revision(connection) != _newest():
                _upgrade(connection)
    except OperationalError as error:
        raise MissingPartError(
            text("The database cannot be used."),
            why=str(error.orig),
            next=text("Check `--database` (or BUTAI_DATABASE) and that the database is running."),
            code="database-away",
        ) from error


def _revision(connection: Connection) -> str | None:
    """What Alembic has written down; none in a new database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sql("SELECT version_num FROM alembic_version"))
    return found


def _newest() -> str:
    """The last of the scripts: their files are named and ordered by their revisions."""
    return max(script.stem for script in (SCRIPTS / "versions").glob("[0-9]*.py")).split("_")[0]


def _upgrade(connection: Connection) -> None:
    # Loading it takes longer than to see that nothing is to be done, which is so at nearly every start.
    from alembic import command

    config = _config(connection)
    _refuse_newer(connection, config)
    command.upgrade(config, "head")


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config


def _refuse_newer(connection: Connection, config: Config) -> None:
    from alembic.script import ScriptDirectory

    present = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if present is not None and present not in known:
        raise RefusedError(
            text("This database was made by a newer Butai."),
            why=text("Its revision is {present}.", present=present),
            next=text("Install that version again; nothing was changed."),
            code="database-newer",
        )
