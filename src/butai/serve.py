"""`butai serve`: the portal and the API, on loopback."""

from __future__ import annotations

import ipaddress
import os
import signal

import structlog
import uvicorn

from butai.assembly import assemble
from butai.blueprints.service import in_background
from butai.datafolder import write_json
from butai.errors import RefusedError
from butai.interval import interval
from butai.loopback import listen
from butai.rooms import ROOMS
from butai.settings import Settings
from butai.terminal import say
from butai.web.app import create_app
from butai.web.sign_in import SignIn

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C. Refused on any address but loopback, and beside another server on the same data."""
    host = _loopback(settings.host)
    butai = assemble(settings)
    lock = butai.data.lock("server")
    listening = listen(settings.port, host)
    port = listening.getsockname()[1]
    url = f"http://{'[::1]' if ':' in host else host}:{port}"
    sign_in = SignIn(butai.data)
    app = create_app(butai, ROOMS, sign_in, port)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            lifespan="off",
        )
    )
    butai.data.cli_secret()
    write_json(butai.data.server_file, {"url": url, "pid": os.getpid()})
    for fetch in (
        butai.blueprints.fetch_all,
        butai.inventory.fetch_all,
        butai.told.read_all,
        butai.root_drift.check_due,
    ):
        in_background(fetch, interval(settings.fetch_every))
    say(f"Open {sign_in.address(url)}")
    # The server ends by itself on these; without a handler of ours they would then end the process in mid-cleaning.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: None)
    try:
        server.run(sockets=[listening])
    finally:
        butai.data.server_file.unlink(missing_ok=True)
        lock.release()


def _loopback(host: str) -> str:
    """The address, if it is this machine's own: there is no login, so nobody else may reach the portal."""
    name = "127.0.0.1" if host == "localhost" else host
    try:
        if ipaddress.ip_address(name).is_loopback:
            return name
    except ValueError:
        pass
    raise RefusedError(
        f"Butai does not listen on {host}.",
        why="There is no login yet: whoever reaches the portal could run Terraform with this machine's rights.",
        next="Use 127.0.0.1, and reach it from elsewhere through `ssh -L`.",
        where="--host",
        code="not-loopback",
    )
