"""A real Redis protocol server for each ElastiCache cluster, with data that outlives the cloud's process."""

from __future__ import annotations

import os
import pickle
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
from fakeredis import TcpFakeServer
from redis.backoff import NoBackoff
from redis.retry import Retry

from butai.datafolder import write_private
from butai.localcloud.children import Child, Children
from butai.localcloud.servers import Address, Server, Servers

_REAL_SERVERS = ("redis-server", "valkey-server")
_READY_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 10.0  # an orderly end writes the append-only file out
_BATCH = 500


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


class RedisServers(Servers[Server]):
    """Redis servers. The real server is used when one is on PATH, unless `binary` says otherwise ("" means fakeredis)."""

    kind = "Redis"

    def __init__(self, folder: Path, children: Children, binary: str | None = None) -> None:
        super().__init__(folder, children)
        self.binary = _installed() if binary is None else binary

    def make(self, folder: Path, address: Address) -> Server:
        """A server that begins to serve the data in `folder` there."""
        if self.binary:
            return RealServer(self.binary, address, folder, self.children)
        return FakeServer(address, folder)

    def answers(self, server: Server) -> bool:
        """Wait until it answers; false when it ends or does not within ten seconds."""
        until = time.monotonic() + _READY_TIMEOUT_S
        while server.alive() and time.monotonic() < until:
            with suppress(redis.exceptions.RedisError), _client(server.address, 0) as client:
                client.ping()
                return True
            time.sleep(0.02)
        return False


def _installed() -> str:
    return next((name for name in _REAL_SERVERS if shutil.which(name)), "")


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
