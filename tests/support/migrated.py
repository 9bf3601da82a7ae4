"""New databases with every table and nothing in them: copies of one that was migrated, since migrations take a while."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from butai.db import Database
from butai.db.migrate import migrate


def bring(url: str) -> None:
    """Migrate a database and let go of it."""
    database = Database(url)
    migrate(database)
    database.close()


def sqlite_with_tables(file: Path) -> str:
    """Write a new SQLite database and give its URL."""
    file.write_bytes(_migrated())
    return f"sqlite:///{file}"


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "butai.db"
        bring(f"sqlite:///{file}")
        return file.read_bytes()
