"""A way to the cloud on which one kind of request can be held: its work is done, and its answer does not come."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host"}


class HeldWay(ThreadingHTTPServer):
    """Passes everything on to `target`. While `holds` is part of a request's X-Amz-Target or body its answer is kept back."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.client = httpx.Client(base_url=target, trust_env=False, verify=False, timeout=60)
        self.holds = ""
        self.held, self.go_on = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        """Where to send requests."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def hold(self, part: str) -> None:
        """Hold the next answers to requests like this."""
        self.holds = part
        self.held.clear()
        self.go_on.clear()

    def let_go(self) -> None:
        """Hold nothing any more."""
        self.holds = ""
        self.go_on.set()

    def close(self) -> None:
        """Let everything go and end."""
        self.let_go()
        self.shutdown()
        self.server_close()
        self.client.close()


class _Handler(BaseHTTPRequestHandler):
    server: HeldWay
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Keep silent."""

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        answer = self.server.client.request(self.command, self.path, content=body, headers=headers)
        if self.server.holds and self.server.holds.encode() in self.headers.get("X-Amz-Target", "").encode() + body:
            self.server.held.set()
            self.server.go_on.wait(60)
        try:
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
        except OSError:
            # Who asked is dead: that is what this is for.
            self.close_connection = True

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()
