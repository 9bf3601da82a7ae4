"""The database's life, in commands that run once: `python manage.py create | migrate | seed | drop`.

`create` and `drop` want the shared instance's own user (DATABASE_ADMIN_USER, DATABASE_ADMIN_PASSWORD); the others work as
the environment's.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from database import connect

HERE = Path(__file__).parent
LOCK = 4711  # two migrations at once would both begin the same file


def main(argv: list[str]) -> int:
    """Do what is asked for; 0 when it is done."""
    commands: dict[str, Callable[[], None]] = {"create": create, "migrate": migrate, "seed": seed, "drop": drop}
    if len(argv) != 2 or argv[1] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        commands[argv[1]]()
    except psycopg.Error as error:
        print(f"{argv[1]}: {error}", flush=True)
        return 1
    return 0


def create() -> None:
    """Make the environment's user and database, where they are not there already."""
    name, user, password = _own()
    with _admin() as admin:
        if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [os.environ["DATABASE_USER"]]).fetchone():
            admin.execute(sql.SQL("CREATE ROLE {}").format(user))
        admin.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(user, password))
        # Whoever gives a database to a user has to be a member of it: RDS's own user is no superuser.
        admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(user))
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [os.environ["DATABASE_NAME"]]).fetchone():
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, user))
        # By default everybody may connect to everything.
        admin.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(name))
    print(f"database {os.environ['DATABASE_NAME']} is there", flush=True)


def drop() -> None:
    """The environment's database and user go, whoever is connected."""
    name, user, _ = _own()
    with _admin() as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(user))
    print(f"database {os.environ['DATABASE_NAME']} is gone", flush=True)


def migrate() -> None:
    """Every file of `migrations` that the database has not had yet, by name, each in a transaction of its own."""
    known = [file.name for file in sorted((HERE / "migrations").glob("*.sql"))]
    with connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, at timestamptz DEFAULT now())"
        )
        connection.commit()
        had = {row[0] for row in connection.execute("SELECT name FROM migrations").fetchall()}
        for name in [name for name in known if name not in had]:
            connection.execute((HERE / "migrations" / name).read_text())
            connection.execute("INSERT INTO migrations (name) VALUES (%s)", [name])
            connection.commit()
            print(f"{name} done", flush=True)
    for name in sorted(had - set(known)):
        print(f"the database has had {name}, which this version does not know", flush=True)
    print(f"{len(had.union(known))} migrations", flush=True)


def seed() -> None:
    """Customers to try the log with."""
    with connect() as connection, (HERE / "customers.csv").open() as file:
        for number, name in csv.reader(file):
            words = "INSERT INTO customers VALUES (%s, %s) ON CONFLICT (number) DO UPDATE SET name = excluded.name"
            connection.execute(words, [number, name])
    print("customers are there", flush=True)


def _own() -> tuple[sql.Identifier, sql.Identifier, sql.Literal]:
    environ = os.environ
    name, user = sql.Identifier(environ["DATABASE_NAME"]), sql.Identifier(environ["DATABASE_USER"])
    return name, user, sql.Literal(environ["DATABASE_PASSWORD"])


def _admin() -> psycopg.Connection[Any]:
    """As the instance's own user: databases are made and dropped outside of transactions."""
    given: Mapping[str, str] = {
        "DATABASE_NAME": "postgres",
        "DATABASE_USER": os.environ["DATABASE_ADMIN_USER"],
        "DATABASE_PASSWORD": os.environ["DATABASE_ADMIN_PASSWORD"],
    }
    connection = connect({**os.environ, **given})
    connection.autocommit = True
    return connection


if __name__ == "__main__":
    sys.exit(main(sys.argv))
