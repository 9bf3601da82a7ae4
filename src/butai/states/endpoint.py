"""The `http` backend's endpoint for one run: on loopback, beside the engine, with a password of that run only."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy.exc import SQLAlchemyError

from butai.errors import ButaiError
from butai.states.model import parse_lock
from butai.states.service import LockedError, States, conflict_body

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
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.states, self.environment_id, self.run_id, self.now = states, environment_id, run_id, now
        self.credentials = f"{user}:{password}".encode()

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
        try:
            status, content = action(body)
        except LockedError as error:
            status, content = HTTPStatus.LOCKED, json.dumps(conflict_body(error)).encode()
        except ButaiError as error:
            status, content = HTTPStatus.CONFLICT, json.dumps(error.as_json()).encode()
        except SQLAlchemyError:
            # The engine tries again for a while; what it cannot write in the end it leaves in a file, which is rescued.
            status, content = HTTPStatus.SERVICE_UNAVAILABLE, b""
        self._send(status, content)

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
        self.server.states.write(self.server.environment_id, self.server.run_id, body, lock_id=lock_id)
        return HTTPStatus.OK, b""

    def _lock(self, body: bytes) -> tuple[int, bytes]:
        lock = parse_lock(body, run_id=self.server.run_id, now=self.server.now())
        if lock is None:
            return HTTPStatus.BAD_REQUEST, b""
        self.server.states.lock(self.server.environment_id, lock)
        return HTTPStatus.OK, b""

    def _unlock(self, body: bytes) -> tuple[int, bytes]:
        lock = parse_lock(body, run_id=self.server.run_id, now=self.server.now())
        self.server.states.unlock(self.server.environment_id, lock.lock_id if lock else "")
        return HTTPStatus.OK, b""
