"""Ports on this machine's own address: one way to listen, to say that a port is in use, and to ask for a free one."""

from __future__ import annotations

import socket

from butai.errors import RefusedError

LOOPBACK = "127.0.0.1"
_WAITING = 1024  # connections that may wait to be taken up; the kernel lowers it to its own limit


def listen(port: int, host: str = LOOPBACK) -> socket.socket:
    """A socket that listens there, for a command with the option `--port`; 0 takes a free one. Raises RefusedError."""
    try:
        return open_port(port, host)
    except OSError as error:
        raise RefusedError(
            f"Port {port} on {host} cannot be used.",
            why=error.strerror or str(error),
            next="End the program that listens there, or take another: `--port 0` finds a free one.",
            where="--port",
            code="port-in-use",
        ) from error


def open_port(port: int, host: str = LOOPBACK) -> socket.socket:
    """A socket that listens there. Raises OSError: two that are bound to one port learn only now which of them has it."""
    opened = bind(port, host)
    try:
        opened.listen(_WAITING)
    except OSError:
        opened.close()
        raise
    return opened


def bind(port: int, host: str = LOOPBACK, *, alone: bool = False) -> socket.socket:
    """A socket bound there that does not listen. Raises OSError.

    `alone`: nobody else can bind the port meanwhile. Otherwise servers can, as they ask to be let in beside one whose
    connections of a moment ago are still being closed.
    """
    # With the protocol named: asyncio switches Nagle's delay (40 ms an answer) off only for sockets that tell it.
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if not alone:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether nobody listens on this port."""
    try:
        bind(port, host).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A port that nobody listens on now. Who takes it first has it: a server that comes too late has to try another."""
    with bind(0, alone=True) as bound:
        port: int = bound.getsockname()[1]
    return port
