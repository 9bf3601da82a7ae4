"""The demo's ports: chosen free once, kept for good, because addresses of environments carry them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from butai import loopback
from butai.datafolder import write_json
from butai.errors import RefusedError

# Tried in this order before anything else, so that addresses are the same on most machines. Rows are a hundred apart.
FIRST_PORTAL, FIRST_LISTENER, FIRST_CLOUD = 8710, 8780, 8790
ROWS = 50


@dataclass(frozen=True)
class Ports:
    """Loopback ports of the portal, the load balancer's listener, and the local cloud's API."""

    portal: int
    listener: int
    cloud: int

    @classmethod
    def row(cls, number: int) -> Ports:
        """The ports of one row, from 0 on."""
        return cls(FIRST_PORTAL + 100 * number, FIRST_LISTENER + 100 * number, FIRST_CLOUD + 100 * number)

    @property
    def sign(self) -> int:
        """The port that nobody listens on: the demo that has it bound has the others."""
        return self.portal - 10

    def in_use(self) -> list[int]:
        """Those that somebody listens on."""
        return [port for port in astuple(self) if not loopback.is_free(port)]


@contextmanager
def held_ports(file: Path) -> Iterator[Ports]:
    """The ports kept in the file, or new ones, for this demo alone as long as the context lasts.

    Refused when a kept one is in use by somebody else.
    """
    ports, sign = _kept(file) if file.exists() else _new(file)
    with sign:
        yield ports


def _kept(file: Path) -> tuple[Ports, socket.socket]:
    ports = Ports(**json.loads(file.read_text()))
    sign = _take(ports)
    if sign is None:
        raise RefusedError(
            f"Port {[*ports.in_use(), ports.sign][0]} is in use, and this demo needs it.",
            why="The addresses of its environments carry its ports, so it cannot take others.",
            next="End the program that listens there, or start another demo: `butai demo --data FOLDER`.",
            code="port-in-use",
        )
    return ports, sign


def _new(file: Path) -> tuple[Ports, socket.socket]:
    for ports in map(Ports.row, range(ROWS)):
        if sign := _take(ports):
            write_json(file, asdict(ports))
            return ports, sign
    raise RefusedError(f"No ports from {FIRST_PORTAL} on are free.", next="End a program that listens, then try again.")


def _take(ports: Ports) -> socket.socket | None:
    """Bind the sign of free ports; None when one of them is in use, or another demo has the sign.

    A demo's servers listen some seconds after its ports were chosen, its load balancer a minute after. In that time
    they would look free to a demo that starts beside it. The kernel gives the sign to one alone, and takes it back at
    any death.
    """
    try:
        sign = loopback.bind(ports.sign, alone=True)
    except OSError:
        return None
    if ports.in_use():
        sign.close()
        return None
    return sign
