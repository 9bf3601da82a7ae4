"""The `http` backend's endpoint for one run: on loopback, beside the engine, with a password of that run only."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from butai.db import AWAY
from butai.errors import ButaiError
from butai.states.model import parse_lock
from butai.states.service import Guard, LockedError, States, conflict_body

AWAY_LOOK_S = 0.5
MAX_STATE_BYTES = 256 * 1024 * 1024


class StateEndpoint(ThreadingHTTPServer):
    """Serves one environment's state under one user and password. Address: `url`."""

    daemon_threads = True

    def __init__(
        self,
        states: States,
        *,
        environment_id: int,
        run_id: int,
        user: str,
        password: str,
        now: Callable[[], datetime],
        guard: Guard,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.guard = guard
        self.patience_ends: float | None = None
        self.hurried = False
        self.states, self.environment_id, self.run_id, self.now = states, environment_id, run_id, now
        self.credentials = f"{user}:{password}".encode()

    def lose_patience_in(self, seconds: float) -> None:
        """A database that is away is waited for only so long from now on; until this is called, as long as it takes."""
        self.patience_ends = self.patience_ends or time.monotonic() + seconds

    def hurry(self) -> None:
        """A database that is away is not waited for at all any more: the engine leaves within seconds."""
        self.patience_ends, self.hurried = time.monotonic(), True

    @property
    def patient(self) -> bool:
        """Whether a database that is away is still waited for."""
        return self.patience_ends is None or time.monotonic() < self.patience_ends

    @property
    def url(self) -> str:
        """Address of the state, without credentials."""
        return f"http://127.0.0.1:{self.server_address[1]}/state"


class _Handler(BaseHTTPRequestHandler):
    """GET, POST, LOCK, UNLOCK and DELETE as the `http` backend of Terraform and OpenTofu sends them."""

    server: StateEndpoint
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:
        """Keep silent: the run's log is the engine's."""

    def do_GET(self) -> None:
        self._answer(self._read)

    def do_POST(self) -> None:
        self._answer(self._write)

    def do_LOCK(self) -> None:
        self._answer(self._lock)

    def do_UNLOCK(self) -> None:
        self._answer(self._unlock)

    def do_DELETE(self) -> None:
        # The engine only deletes a state together with its workspace, which this backend has none of.
        self._answer(lambda _body: (HTTPStatus.METHOD_NOT_ALLOWED, b""))

    def _answer(self, action: Callable[[bytes], tuple[int, bytes]]) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if size > MAX_STATE_BYTES:
            self.close_connection = True
            self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"")
            return
        body = self.rfile.read(size)
        if not self._allowed():
            self._send(HTTPStatus.UNAUTHORIZED, b"")
            return
        self._send(*self._outcome(action, body))

    def _outcome(self, action: Callable[[bytes], tuple[int, bytes]], body: bytes) -> tuple[int, bytes]:
        """Do it. While the database is away the engine waits for its answer: it lives on, and loses nothing."""
        while True:
            try:
                return action(body)
            except LockedError as error:
                return HTTPStatus.LOCKED, json.dumps(conflict_body(error)).encode()
            except ButaiError as error:
                return HTTPStatus.CONFLICT, json.dumps(error.as_json()).encode()
            except AWAY:
                if self.server.hurried:
                    # Engines ask again after most failures; there is no time for that.
                    return HTTPStatus.GONE, b""
                if not self.server.patient:
                    # What the engine cannot write in the end it leaves in a file, which is rescued.
                    return HTTPStatus.SERVICE_UNAVAILABLE, b""
                time.sleep(AWAY_LOOK_S)

    def _allowed(self) -> bool:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(token, validate=True)
        except binascii.Error:
            return False
        return kind == "Basic" and hmac.compare_digest(given, self.server.credentials)

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _read(self, _body: bytes) -> tuple[int, bytes]:
        content = self.server.states.read(self.server.environment_id)
        return (HTTPStatus.OK, content) if content is not None else (HTTPStatus.NOT_FOUND, b"")

    def _write(self, body: bytes) -> tuple[int, bytes]:
        lock_id = parse_qs(urlsplit(self.path).query).get("ID", [""])[0]
        server = self.server
        server.states.write(server.environment_id, server.run_id, body, lock_id=lock_id, guard=server.guard)
        return HTTPStatus.OK, b""

    def _lock(self, body: bytes) -> tuple[int, bytes]:
        lock = parse_lock(body, run_id=self.server.run_id, now=self.server.now())
        if lock is None:
            return HTTPStatus.BAD_REQUEST, b""
        self.server.states.lock(self.server.environment_id, lock, guard=self.server.guard)
        return HTTPStatus.OK, b""

    def _unlock(self, body: bytes) -> tuple[int, bytes]:
        lock = parse_lock(body, run_id=self.server.run_id, now=self.server.now())
        self.server.states.unlock(self.server.environment_id, lock.lock_id if lock else "")
        return HTTPStatus.OK, b""
