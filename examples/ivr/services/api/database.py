"""PostgreSQL, where calls are kept: an environment has a database and a user of its own in the shared instance."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import psycopg

# The instance answers, but the database or its tables are not there yet.
MISSING = (psycopg.errors.InvalidCatalogName, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)


def connect(environ: Mapping[str, str] = os.environ) -> psycopg.Connection[Any]:
    """A connection to the environment's database. Raises psycopg.OperationalError."""
    return psycopg.connect(
        host=environ.get("DATABASE_HOST", "127.0.0.1"),
        port=environ.get("DATABASE_PORT", "5432"),
        dbname=environ.get("DATABASE_NAME", "ivr"),
        user=environ.get("DATABASE_USER", "ivr"),
        password=environ.get("DATABASE_PASSWORD", ""),
        connect_timeout=5,
    )
