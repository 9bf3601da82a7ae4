"""A relay before AWS that throttles as AWS does: a bucket of tokens that fills again with time."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_NOT_PASSED_ON = frozenset({"transfer-encoding", "connection", "content-length"})
_ANSWER = b'{"__type":"ThrottlingException","message":"Rate exceeded"}'


class Throttle:
    """Listens on loopback. Lets through `burst` calls of the ECS API at once, and `rate` a second from then on."""

    def __init__(self, target: str, *, rate: float, burst: int) -> None:
        self._where, self._rate, self._burst = urlsplit(target).netloc, rate, float(burst)
        self._tokens, self._seen, self._turn = float(burst), time.monotonic(), threading.Lock()
        self.passed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                relay._pass_on(self)

            def do_GET(self) -> None:
                relay._pass_on(self)

            def log_message(self, format: str, *args: object) -> None:
                """Counted instead."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _may_pass(self) -> bool:
        with self._turn:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._seen) * self._rate)
            self._seen = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    def _pass_on(self, asked: BaseHTTPRequestHandler) -> None:
        body = asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
        target = asked.headers.get("X-Amz-Target", "")
        action = target.rpartition(".")[2]
        if "ContainerService" in target and not self._may_pass():
            self.refused[action] += 1
            _send(asked, 400, [("Content-Type", "application/x-amz-json-1.1")], _ANSWER)
            return
        self.passed[action] += 1
        connection = http.client.HTTPConnection(self._where, timeout=60)
        try:
            connection.request(asked.command, asked.path, body, dict(asked.headers.items()))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        _send(asked, answer.status, answer.getheaders(), content)


def _send(asked: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
    asked.send_response(status)
    for name, value in headers:
        if name.lower() not in _NOT_PASSED_ON:
            asked.send_header(name, value)
    asked.send_header("Content-Length", str(len(content)))
    asked.end_headers()
    asked.wfile.write(content)
