"""Real parts of a stage as processes: workers, the server, a database, each where it can be hit."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path
from urllib.parse import quote, urljoin

import httpx
import psutil
import sqlalchemy as sa

from butai.db import Database
from butai.settings import Settings
from kill.matrix.relay import Relay
from support.carrying import wait_for
from support.postgres import PostgresServer
from support.preloaded import Preloaded
from support.tiny_team import Server, Worker

PORT_OF_SOCKET = 5432


class Hand(Worker):
    """A worker with the way to the database that is its own."""

    def __init__(self, settings: Settings, log: Path, env: dict[str, str], relay: Relay | None) -> None:
        super().__init__(settings, log)
        self.settings, self._env, self.relay = settings, env, relay

    @property
    def id(self) -> str:
        """Its stable id, once it was up."""
        file = self.settings.data / "worker.id"
        return file.read_text().strip() if file.exists() else ""

    def start(self, *flags: str) -> None:
        """Start it, unless it lives."""
        if self.living():
            return
        own = {name: value for name, value in os.environ.items() if not name.startswith(("BUTAI_", "AWS_"))}
        env = {
            **own,
            "BUTAI_DATA": str(self.settings.data),
            "BUTAI_DATABASE": self.settings.database,
            # A provider of each engine's own is what is hit here; shared ones have tests of their own.
            "BUTAI_ACCELERATION": "false",
            "BUTAI_CONCURRENCY": str(self.settings.concurrency),
            **{name: os.environ[name] for name in ("BUTAI_PROVIDER_MIRROR",) if name in os.environ},
            **self._env,
        }
        with self.log.open("ab") as log:
            argv = [sys.executable, "-m", "butai", "worker", *flags]
            self.process = Preloaded(argv, env=env, stdout=log, stderr=log, start_new_session=True)

    def use(self, env: dict[str, str]) -> None:
        """Further variables, from its next start on."""
        self._env = {**self._env, **env}

    def living(self) -> psutil.Process | None:
        """Its process while it lives."""
        if self.process is None or self.process.poll() is not None:
            return None
        return psutil.Process(self.process.pid)

    def leave(self) -> None:
        """End it, if it lives."""
        if self.living():
            self.end(signal.SIGTERM)


class Portal(Server):
    """The server with the way to the database that is its own."""

    def __init__(self, settings: Settings, log: Path, relay: Relay | None) -> None:
        super().__init__(settings, log)
        self.relay = relay

    def start(self, *flags: str) -> None:
        """Start it on a free port and wait until that answers; each life has a log of its own."""
        self.log.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            argv = [sys.executable, "-m", "butai", "serve", "--port", "0", *flags]
            self.process = Preloaded(argv, env=self.env, stdout=log, stderr=log, start_new_session=True)
        wait_for(self._answers, seconds=60, why="the server answers")

    def _answers(self) -> bool:
        if "http://" not in self.log.read_text():
            return False
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(urljoin(self.address, "/"), follow_redirects=False).status_code < 500
        return False

    def living(self) -> psutil.Process | None:
        """Its process while it lives."""
        if self.process is None or self.process.poll() is not None:
            return None
        return psutil.Process(self.process.pid)


class Base:
    """The database: an SQLite file, or a PostgreSQL server of this stage's own behind relays."""

    def __init__(self, folder: Path, postgres: PostgresServer | None) -> None:
        self.postgres = postgres
        self.relays: list[Relay] = []
        self.url = postgres.with_tables() if postgres else f"sqlite:///{folder / 'butai.db'}"

    def way(self) -> tuple[str, Relay | None]:
        """A URL of its own for one more part, and the relay on its way."""
        if self.postgres is None:
            return self.url, None
        relay = Relay(self.postgres.folder / f".s.PGSQL.{PORT_OF_SOCKET}")
        self.relays.append(relay)
        name = sa.make_url(self.url).database or ""
        return f"postgresql://postgres@127.0.0.1:{relay.port}/{quote(name)}", relay

    def processes(self) -> list[psutil.Process]:
        """Its processes; none on SQLite."""
        if self.postgres is None or self.postgres.process.poll() is not None:
            return []
        first = psutil.Process(self.postgres.process.pid)
        return [first, *first.children(recursive=True)]

    def close(self) -> None:
        """Nothing passes any more."""
        for relay in self.relays:
            relay.close()


class WriteLock:
    """Holds back whoever wants to write a state, as a busy database would."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._connection = self._database.engine.connect()
        # On SQLite this begins at once as the one writer.
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(sa.text("LOCK TABLE state_versions IN EXCLUSIVE MODE"))
        else:
            self._connection.execute(sa.text("SELECT 1"))

    def release(self) -> None:
        """Let them write. The connection may be dead: then its lock is gone with it."""
        try:
            self._connection.rollback()
            self._connection.close()
        except sa.exc.DBAPIError:
            self._connection.invalidate()
        self._database.close()


def copy_state_key(source: Path, target: Path) -> None:
    """What an operator does for every further machine."""
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "state.key", target / "state.key")
