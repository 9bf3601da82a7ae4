"""A real Redis protocol server for each ElastiCache cluster, with data that outlives the cloud's process."""

from __future__ import annotations

import os
import pickle
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import redis
from fakeredis import TcpFakeServer
from redis.backoff import NoBackoff
from redis.retry import Retry

from butai.datafolder import write_private
from butai.errors import ButaiError
from butai.localcloud.children import Child, Children
from butai.loopback import LOOPBACK, free_port, is_free

_REAL_SERVERS = ("redis-server", "valkey-server")
_READY_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 10.0  # an orderly end writes the append-only file out
_START_ATTEMPTS = 3  # somebody may take the free port between looking and binding
_BATCH = 500


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @classmethod
    def wanted(cls, port: int | None) -> Address:
        """The address for a cluster that asks for a port, or for none."""
        return cls(LOOPBACK, port or 0)


class Server(Protocol):
    """One running server."""

    address: Address

    def alive(self) -> bool:
        """Whether it still serves."""

    def save(self) -> None:
        """Bring the data to disk, if the server does not do that by itself."""

    def stop(self) -> None:
        """Save and end."""


class RealServer:
    """`redis-server` or `valkey-server` with an append-only file: at most the last second is lost, whatever happens."""

    def __init__(self, binary: str, address: Address, folder: Path, children: Children) -> None:
        self.address = address
        options = {
            "--bind": address.host,
            "--port": str(address.port),
            "--dir": str(folder),
            "--appendonly": "yes",
            "--appendfsync": "everysec",
            "--save": "",
            "--daemonize": "no",
        }
        argv = [binary, *(word for option in options.items() for word in option)]
        env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        self._child: Child = children.start(
            f"redis:{folder.name}", argv, env=env, cwd=folder, log=folder / "server.log"
        )

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child.alive()

    def save(self) -> None:
        """Nothing: the server writes its own file."""

    def stop(self) -> None:
        """End the process; it writes its data out first."""
        self._child.stop(_STOP_TIMEOUT_S)


class FakeServer:
    """fakeredis, where the machine has no Redis. It keeps everything in memory: `save` writes the keys to a file."""

    def __init__(self, address: Address, folder: Path) -> None:
        self.address = address
        self._file = folder / "keys.pickle"  # written and read by this class only
        self._saved = b""
        self._server = TcpFakeServer((address.host, address.port), server_type="redis")
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name=folder.name, daemon=True)
        self._thread.start()
        self._load()

    def alive(self) -> bool:
        """Whether the server's thread runs."""
        return self._thread.is_alive()

    def save(self) -> None:
        """Write every key with its expiry, if anything differs from the last time."""
        content = pickle.dumps(list(self._keys()))
        if content != self._saved:
            write_private(self._file, content)
            self._saved = content

    def stop(self) -> None:
        """Save and end."""
        self.save()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _keys(self) -> Iterator[tuple[int, bytes, float | None, bytes]]:
        for database in list(self._server.fake_server.dbs):
            with _client(self.address, database) as client:
                names = sorted(client.scan_iter(count=_BATCH))
                for start in range(0, len(names), _BATCH):
                    yield from _dumped(client, database, names[start : start + _BATCH])

    def _load(self) -> None:
        with suppress(FileNotFoundError):
            for database, key, expires, value in pickle.loads(self._file.read_bytes()):  # noqa: S301 - our own file
                left_ms = 0 if expires is None else int((expires - time.time()) * 1000)
                if expires is None or left_ms > 0:
                    with _client(self.address, database) as client:
                        client.restore(key, left_ms, value, replace=True)


class RedisServers:
    """Starts, keeps and ends the servers. Data lies in one folder a cluster below `folder`.

    The real server is used when one is on PATH, unless `binary` says otherwise ("" means fakeredis).
    """

    def __init__(self, folder: Path, children: Children, binary: str | None = None) -> None:
        self.folder, self.children = folder, children
        self.binary = _installed() if binary is None else binary
        self._servers: dict[str, Server] = {}
        self._lock = threading.Lock()

    def start(self, cluster_id: str, wanted: Address) -> Address:
        """Start the server of a cluster, at the wanted address where it is free; the address that it has got.

        Raises ButaiError when it does not answer within ten seconds.
        """
        with self._lock:
            folder = self.folder / cluster_id
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            server = self._started(folder, wanted)
            self._servers[cluster_id] = server
            return server.address

    def delete(self, cluster_id: str) -> None:
        """End a cluster's server and remove its data."""
        with self._lock:
            if server := self._servers.pop(cluster_id, None):
                server.stop()
            shutil.rmtree(self.folder / cluster_id, ignore_errors=True)

    def keep(self) -> None:
        """Start ended servers again where they were, and bring data to disk. To be called about once a second."""
        with self._lock:
            for cluster_id, server in list(self._servers.items()):
                if server.alive():
                    server.save()
                else:
                    self._servers[cluster_id] = self._make(self.folder / cluster_id, server.address)

    def stop(self) -> None:
        """End all servers; their data stays."""
        with self._lock:
            for server in self._servers.values():
                server.stop()
            self._servers.clear()

    def _started(self, folder: Path, wanted: Address) -> Server:
        for _ in range(_START_ATTEMPTS):
            server = self._make(folder, _free_address(wanted))
            if _answers(server):
                return server
            server.stop()
        raise ButaiError(
            f"The Redis server of `{folder.name}` does not answer.",
            next=f"Look into {folder / 'server.log'}.",
            code="redis-start",
        )

    def _make(self, folder: Path, address: Address) -> Server:
        if self.binary:
            return RealServer(self.binary, address, folder, self.children)
        return FakeServer(address, folder)


def _installed() -> str:
    return next((name for name in _REAL_SERVERS if shutil.which(name)), "")


def _free_address(wanted: Address) -> Address:
    """The wanted address if it is free, else the same port on another loopback address, else any free port.

    Modules often give the port, and the provider replaces a cluster that reports another one. Linux has the whole of
    127.0.0.0/8 for that; elsewhere only the first and the last remain.
    """
    if wanted.port:
        others = (Address(f"127.0.0.{number}", wanted.port) for number in range(2, 255))
        for address in (wanted, *others):
            if is_free(address.port, address.host):
                return address
    return Address(LOOPBACK, free_port())


def _answers(server: Server) -> bool:
    until = time.monotonic() + _READY_TIMEOUT_S
    while server.alive() and time.monotonic() < until:
        with suppress(redis.exceptions.RedisError), _client(server.address, 0) as client:
            client.ping()
            return True
        time.sleep(0.02)
    return False


def _client(address: Address, database: int) -> Any:
    once = Retry(NoBackoff(), 0)  # by itself the library waits a second after a first refusal
    return redis.Redis(address.host, address.port, database, socket_timeout=5, protocol=2, retry=once)


def _dumped(client: Any, database: int, names: list[bytes]) -> Iterator[tuple[int, bytes, float | None, bytes]]:
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.dump(name).pexpiretime(name)
    answers = pipeline.execute()
    for name, value, expires_ms in zip(names, answers[::2], answers[1::2], strict=True):
        if value is not None:  # else it expired meanwhile
            yield database, name, expires_ms / 1000 if expires_ms > 0 else None, value
