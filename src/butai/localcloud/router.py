"""The router: serves the listeners of all Application Load Balancers on loopback ports of the same numbers."""

from __future__ import annotations

import asyncio
import errno
import sys
import threading
import time
from dataclasses import dataclass

import uvicorn

from butai.localcloud.forwarding import IDLE_S, Listener
from butai.localcloud.routes import Routes, read_routes
from butai.localcloud.state import CloudState
from butai.loopback import open_port

REFRESH_S = 0.2
_RETRY_BIND_S = 2.0
_GRACE_S = 1


@dataclass
class _Open:
    """A port that is served."""

    server: uvicorn.Server
    listener: Listener
    serving: asyncio.Task[None]


class Router:
    """One thread with one event loop for all ports; it looks at the load balancers every 0.2 s.

    A port that cannot be bound is told on stderr, once, and tried again. `idle_s`: seconds that a target may be silent.
    """

    def __init__(self, state: CloudState, *, idle_s: float = IDLE_S) -> None:
        self.state, self.idle_s = state, idle_s
        self._routes = Routes()
        self._open: dict[int, _Open] = {}
        self._complaints: dict[int, str] = {}
        self._next_try: dict[int, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="router", daemon=True)

    def start(self) -> None:
        """Begin; listeners that exist already are served in a moment."""
        self._thread.start()

    def stop(self) -> None:
        """Close all ports and end; requests that are on the way get a second."""
        self._stopping.set()
        self._thread.join()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._routes = await asyncio.to_thread(read_routes, self.state)
                await self._follow()
            except Exception as error:  # a listener that cannot be read must not end the others
                self._complain(0, f"{type(error).__name__}: {error}")
            await asyncio.sleep(REFRESH_S)
        await asyncio.gather(*(self._close(port) for port in list(self._open)))

    async def _follow(self) -> None:
        """Open the ports of new listeners, close those of listeners that are gone."""
        wanted = set(self._routes.rules)
        await asyncio.gather(*(self._close(port) for port in set(self._open) - wanted))
        for port in sorted(wanted - set(self._open)):
            self._try_open(port)
        for port in sorted(self._routes.https - wanted):
            self._complain(port, f"port {port}: HTTPS listeners are not served, use an HTTP one")
        for port in set(self._complaints) - wanted - self._routes.https - {0}:
            del self._complaints[port]

    def _try_open(self, port: int) -> None:
        if time.monotonic() < self._next_try.get(port, 0):
            return
        try:
            bound = open_port(port)
        except OSError as error:
            self._next_try[port] = time.monotonic() + _RETRY_BIND_S
            self._complain(port, f"{_why_not(port, error)} Trying again every {_RETRY_BIND_S:.0f} s.")
            return
        if self._complaints.pop(port, None):
            print(f"local cloud: port {port} is served now", file=sys.stderr, flush=True)
        listener = Listener(port, lambda: self._routes, self.idle_s)
        server = _server(listener)
        self._open[port] = _Open(server, listener, asyncio.create_task(server.serve(sockets=[bound])))

    async def _close(self, port: int) -> None:
        one = self._open.pop(port)
        one.server.should_exit = True
        await one.serving
        await one.listener.close()

    def _complain(self, port: int, complaint: str) -> None:
        if self._complaints.get(port) != complaint:
            self._complaints[port] = complaint
            print(f"local cloud: {complaint}", file=sys.stderr, flush=True)


def _server(listener: Listener) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            listener,
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            log_level="critical",  # a broken target's request would be a traceback
            server_header=False,
            date_header=False,  # the target sends its own
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )


def _why_not(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of a listener is in use by another program: end that, or give the listener another port."
    if error.errno == errno.EACCES:
        return f"port {port} of a listener needs rights that this process lacks: give the listener one above 1023."
    return f"port {port} of a listener cannot be bound: {error.strerror}."
