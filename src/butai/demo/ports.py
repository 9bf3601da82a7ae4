"""The demo's ports: chosen free once, kept for good, because addresses of environments carry them."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from butai.datafolder import write_json
from butai.errors import RefusedError

# Tried in this order before any free one is taken, so that addresses are the same on most machines.
PREFERRED = {"portal": 8710, "listener": 8780, "cloud": 8790}
TRIES = 50


@dataclass(frozen=True)
class Ports:
    """Loopback ports of the portal, the load balancer's listener, and the local cloud's API."""

    portal: int
    listener: int
    cloud: int


def ports_of(file: Path) -> Ports:
    """The ports kept in the file, or new ones. Refused when a kept one is in use by somebody else."""
    if not file.exists():
        ports = Ports(**{name: _first_free(start) for name, start in PREFERRED.items()})
        write_json(file, asdict(ports))
        return ports
    ports = Ports(**json.loads(file.read_text()))
    for name, port in asdict(ports).items():
        if not is_free(port):
            raise RefusedError(
                f"Port {port} is in use, and the addresses of this demo's {name} carry it.",
                next="End the program that listens there, or start another demo: `butai demo --data FOLDER`.",
                code="port-in-use",
            )
    return ports


def is_free(port: int) -> bool:
    """Whether nobody listens on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _first_free(start: int) -> int:
    # Ten apart: the three rows of candidates never meet.
    for port in range(start, start + TRIES * 100, 100):
        if is_free(port):
            return port
    raise RefusedError(f"No port near {start} is free.", next="End a program that listens, then try again.")
