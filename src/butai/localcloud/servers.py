"""Data stores that are real servers: each with a folder of its own, an address that stays, and somebody who restarts it."""

from __future__ import annotations

import shutil
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from butai.errors import ButaiError
from butai.localcloud.children import Children
from butai.loopback import LOOPBACK, free_port, is_free

_START_ATTEMPTS = 3  # somebody may take the free port between looking and binding


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @classmethod
    def wanted(cls, port: int | None) -> Address:
        """The address for something that asks for a port, or for none."""
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


S = TypeVar("S", bound=Server)


class Servers(ABC, Generic[S]):
    """Starts, keeps and ends servers of one kind. Data lies in one folder a server below `folder`."""

    kind: str

    def __init__(self, folder: Path, children: Children) -> None:
        self.folder, self.children = folder, children
        self._servers: dict[str, S] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def make(self, folder: Path, address: Address) -> S:
        """A server that begins to serve the data in `folder` there."""

    @abstractmethod
    def answers(self, server: S) -> bool:
        """Wait until it answers; false when it does not."""

    def start(self, name: str, wanted: Address) -> Address:
        """Start a server, at the wanted address where it is free; the address that it has got.

        Raises ButaiError when it does not answer.
        """
        with self._lock:
            folder = self.folder / name
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            server = self._started(folder, wanted)
            self._servers[name] = server
            return server.address

    def delete(self, name: str) -> None:
        """End a server and remove its data."""
        with self._lock:
            if server := self._servers.pop(name, None):
                server.stop()
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def keep(self) -> None:
        """Start ended servers again where they were, and bring data to disk. To be called about once a second."""
        with self._lock:
            for name, server in list(self._servers.items()):
                if server.alive():
                    server.save()
                else:
                    self._servers[name] = self.make(self.folder / name, server.address)

    def stop(self) -> None:
        """End all servers; their data stays."""
        with self._lock:
            for server in self._servers.values():
                server.stop()
            self._servers.clear()

    def _started(self, folder: Path, wanted: Address) -> S:
        for _ in range(_START_ATTEMPTS):
            server = self.make(folder, _free_address(wanted))
            if self.answers(server):
                return server
            server.stop()
        raise ButaiError(
            f"The {self.kind} server of `{folder.name}` does not answer.",
            next=f"Look into {folder / 'server.log'}.",
            code=f"{self.kind.lower()}-start",
        )


def _free_address(wanted: Address) -> Address:
    """The wanted address if it is free, else the same port on another loopback address, else any free port.

    Modules often give the port, and the provider replaces what reports another one. Linux has the whole of
    127.0.0.0/8 for that; elsewhere only the first and the last remain.
    """
    if wanted.port:
        others = (Address(f"127.0.0.{number}", wanted.port) for number in range(2, 255))
        for address in (wanted, *others):
            if is_free(address.port, address.host):
                return address
    return Address(LOOPBACK, free_port())
