"""A way to the cloud: a relay on loopback that passes requests on. What is peculiar about a way is in its subclass."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import httpx

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host"}


class Asked(NamedTuple):
    """A request to AWS. `key`: the id of the access key that it is signed with."""

    method: str
    path: str
    target: str
    body: bytes
    key: str


class Way(ThreadingHTTPServer):
    """Passes everything on to `target`."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.client = httpx.Client(base_url=target, trust_env=False, verify=False, timeout=60)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        """Where to send requests."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def instead(self, asked: Asked) -> httpx.Response | None:
        """An answer that is given instead of passing the request on."""
        return None

    def before_answer(self, asked: Asked) -> None:
        """What happens when the request was done, before its answer goes back."""

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()
        self.client.close()


class _Handler(BaseHTTPRequestHandler):
    server: Way
    protocol_version = "HTTP/1.1"
    # Headers and body go apart: on a kept connection the second would wait 40 ms for word of the first, which is no way of AWS.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Keep silent."""

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, self.headers.get("X-Amz-Target", ""), body, self._key())
        answer = self.server.instead(asked)
        if answer is None:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            answer = self.server.client.request(self.command, self.path, content=body, headers=headers)
            self.server.before_answer(asked)
        try:
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
        except OSError:
            # Who asked is dead, as some tests want it.
            self.close_connection = True

    def _key(self) -> str:
        _, _, credential = self.headers.get("Authorization", "").partition("Credential=")
        return credential.partition("/")[0]

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()
