"""One connection of a client of the API: it stays open from one request to the next, as with AWS."""

from __future__ import annotations

import io
import socket
from contextlib import suppress
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.test import run_wsgi_app

MAX_BODY_BYTES = 16 * 1024 * 1024  # ten times AWS's largest request among these services


class Connections:
    """Those that are open, and whether requests are still taken."""

    def __init__(self) -> None:
        self.open: set[socket.socket] = set()
        self.closed = False

    def close(self) -> None:
        """Take no more requests; an answer that is being made still goes out."""
        self.closed = True
        for each in list(self.open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RD)


class Handler(MotoRequestHandler):
    """werkzeug's own closes the connection after each answer: a thread and a handshake for every request."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer goes out in one piece
    connections: Connections

    def setup(self) -> None:
        """Remember the connection, so that it can be closed from outside."""
        super().setup()
        self.connections.open.add(self.connection)

    def finish(self) -> None:
        """Forget it."""
        self.connections.open.discard(self.connection)
        with suppress(OSError):  # the client is gone
            super().finish()

    def handle_expect_100(self) -> bool:
        """Let the client go on."""
        told = super().handle_expect_100()
        self.wfile.flush()
        return told

    def run_wsgi(self) -> None:
        """One request, read whole; one of another kind is left to werkzeug, which closes the connection behind it."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            super().run_wsgi()
            return
        content = self.rfile.read(int(length))
        if len(content) < int(length) or self.connections.closed:
            self.close_connection = True
            return
        environ = self.make_environ() | {"wsgi.input": io.BytesIO(content)}
        body, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.writelines(body)

    def log_request(self, *_args: Any) -> None:
        """Say nothing: stderr is for people."""
