"""A private PostgreSQL server for tests: no port, no password, gone at the end.

Usage in a conftest or a test file: `from support.postgres import postgres` gives the session's server as a fixture;
`postgres.with_tables()` gives the URL of a database with all tables, `postgres.new_database()` that of an empty one.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import make_url

from butai.localcloud.postgres import programs as postgres_programs
from support.migrated import bring

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30
INITDB_OPTIONS = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
SERVER_OPTIONS = [*["-c", "fsync=off", "-c", "max_connections=200", "-h"], ""]  # -h "": no address, the socket alone


@dataclass
class PostgresServer:
    """A running server that listens on a unix socket in `folder` alone."""

    folder: Path
    process: subprocess.Popen[bytes]
    _command: list[str | Path] = field(default_factory=list)
    _options: dict[str, Any] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _with_tables: str = ""

    def url(self, database: str) -> str:
        """SQLAlchemy URL of one database."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.folder), safe='')}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection as the superuser, without a transaction of its own."""
        return psycopg.connect(host=str(self.folder), user="postgres", dbname=database, autocommit=True)

    def new_database(self, like: str = "template1") -> str:
        """Make an empty database, or one like another, and give its URL."""
        name = f"test_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)

    def with_tables(self) -> str:
        """Make a database with every table and nothing in it, and give its URL."""
        if not self._with_tables:
            url = self.new_database()
            bring(url)
            self._with_tables = str(make_url(url).database)
        return self.new_database(self._with_tables)

    def halt(self) -> None:
        """Be away, with everything kept."""
        for wanted in (signal.SIGINT, signal.SIGQUIT):
            self.process.send_signal(wanted)
            try:
                self.process.wait(STOP_TIMEOUT_S)
                break
            except subprocess.TimeoutExpired:
                continue

    def again(self) -> None:
        """Be there again after `halt`."""
        self.process = _started(self.folder, self._command, self._options)
        _wait_until_it_answers(self)

    def stop(self) -> None:
        """End it for good: "fast" first (waits for no client), "immediate" if that hangs."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)


def start(given: Path | None = None) -> PostgresServer:
    """Start a server in a new folder of its own. `given` is a folder with `initdb` and `postgres`."""
    # Not pytest's own folder: the server's user must be able to walk to it, and a socket's path may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="butai-pg-", dir=_open_to_all()))
    programs = given or postgres_programs()
    options: dict[str, Any] = {"cwd": folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}}
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        nobody = pwd.getpwnam("nobody")
        if not _is_open_to_all(programs):
            programs = _copied(programs, folder / "install")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    data = folder / "data"
    subprocess.run([programs / "initdb", "-D", data, *INITDB_OPTIONS], check=True, stdout=subprocess.DEVNULL, **options)
    command: list[str | Path] = [programs / "postgres", "-D", data, "-k", folder, *SERVER_OPTIONS]
    server = PostgresServer(folder, _started(folder, command, options), command, options)
    _wait_until_it_answers(server)
    return server


def _started(folder: Path, command: list[str | Path], options: dict[str, Any]) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        # A session of its own: Ctrl-C in the terminal reaches pytest alone, which then stops the server in order.
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **options)


def _open_to_all() -> Path:
    """A folder for temporary files that the server's user can walk to: root's own may be closed to everybody else."""
    candidates = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    for folder in candidates:
        if _is_open_to_all(folder):
            return folder
    raise RuntimeError(f"no folder for temporary files is open to every user: {', '.join(map(str, candidates))}")


def _copied(programs: Path, target: Path) -> Path:
    """The packaged installation in a folder that the server's user may enter, with its libraries where it looks for them."""
    package = programs.parents[1]
    for part in (programs.parent, package.with_name(f"{package.name}.libs")):
        if part.is_dir():
            shutil.copytree(part, target / part.relative_to(package.parent), symlinks=True)
    return target / programs.relative_to(package.parent)


def _is_open_to_all(folder: Path) -> bool:
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.resolve().parents))


def _wait_until_it_answers(server: PostgresServer) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError as error:
            if server.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            log = (server.folder / "log").read_text(errors="replace")
            server.stop()
            raise RuntimeError(f"PostgreSQL did not start:\n{log}") from error
        return


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for the whole session: starting one takes a second, a database in it a tenth."""
    server = start()
    yield server
    server.stop()
