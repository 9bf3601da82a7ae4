"""A relay before AWS that writes down every call."""

from __future__ import annotations

import http.client
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

_NOT_PASSED_ON = frozenset({"transfer-encoding", "connection", "content-length"})


class Call(NamedTuple):
    """One call: what was asked, and when (monotonic) it was answered."""

    action: str
    answered: float


@dataclass
class Recorder:
    """Listens on loopback until it is closed. `calls`: in the order of their answers."""

    target: str

    def __post_init__(self) -> None:
        self.calls: list[Call] = []
        recorder, where = self, urlsplit(self.target).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                recorder.pass_on(self, where)

            def do_GET(self) -> None:
                recorder.pass_on(self, where)

            def log_message(self, format: str, *args: object) -> None:
                """The calls are the log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def pass_on(self, asked: BaseHTTPRequestHandler, where: str) -> None:
        """One request there and back."""
        body = asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection(where, timeout=60)
        try:
            connection.request(asked.command, asked.path, body, dict(asked.headers.items()))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        self.calls.append(Call(_action(asked, body), time.monotonic()))
        asked.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _NOT_PASSED_ON:
                asked.send_header(name, value)
        asked.send_header("Content-Length", str(len(content)))
        asked.end_headers()
        asked.wfile.write(content)

    def forget(self) -> None:
        """Begin anew."""
        self.calls = []

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _action(asked: BaseHTTPRequestHandler, body: bytes) -> str:
    target = asked.headers.get("X-Amz-Target")
    if target:
        return target.rpartition(".")[2]
    form = parse_qs(body.decode(errors="replace"))
    return form["Action"][0] if "Action" in form else f"{asked.command} {asked.path}"
