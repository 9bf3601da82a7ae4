"""HTTP around the api: JSON in, JSON out, and one stream of events."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import redis

from api import ROUTES, Api, RequestError
from calls import CallEndedError
from database import MISSING, connect
from store import MenuMissingError, Seed
from store import connect as connect_store

LARGEST_BODY = 10_000
LOOK_EVERY_S = 0.5
# Shorter than any load balancer's idle timeout: a stream on which nothing happens must not be cut.
ALIVE_EVERY_S = 15.0


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    service: Api

    def do_GET(self) -> None:
        """Answer a request that changes nothing."""
        if self.path == "/api/events":
            self._stream()
        else:
            self._respond(None)

    def do_POST(self) -> None:
        """Answer a request that changes something."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            return self._send(413, {"error": "The request is too large."})
        try:
            body = json.loads(self.rfile.read(int(length)) or b"{}")
        except ValueError:
            return self._send(400, {"error": "The request is no JSON."})
        return self._respond(body)

    def _respond(self, body: Any) -> None:
        status, answer = self._answer(body)
        self._send(status, answer)

    def _answer(self, body: Any) -> tuple[int, dict[str, Any]]:
        try:
            for method, pattern, answer in ROUTES:
                if method == self.command and (found := re.fullmatch(pattern, self.path.partition("?")[0])):
                    return 200, answer(self.service, body, self.headers, *found.groups())
        except RequestError as error:
            return error.status, {"error": str(error)}
        except redis.RedisError:
            return 503, {"error": "Redis does not answer."}
        except MISSING:
            return 503, {"error": "The database is not ready: its migrations have not run."}
        except psycopg.Error:
            return 503, {"error": "The database does not answer."}
        except MenuMissingError as error:
            return 503, {"error": str(error)}
        except LookupError as error:
            return 404, {"error": str(error)}
        except CallEndedError as error:
            return 409, {"error": str(error)}
        return 404, {"error": f"There is nothing under {self.path}."}

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        """Server-sent events until the reader has gone."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for event in self._events():
                self.wfile.write(event)
        except (OSError, redis.RedisError):
            return

    def _events(self) -> Iterator[bytes]:
        told, last = "", time.monotonic()
        while True:
            if (changes := self.service.changes()) != told:
                told, last = changes, time.monotonic()
                yield f"data: {changes}\n\n".encode()
            elif time.monotonic() - last > ALIVE_EVERY_S:
                last = time.monotonic()
                yield b": alive\n\n"
            time.sleep(LOOK_EVERY_S)

    def log_message(self, form: str, *values: Any) -> None:
        """One line a request; the load balancer's health checks would drown them."""
        if getattr(self, "path", "") != "/api/health":
            print(form % values, flush=True)


def main() -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Handler.service = Api(connect_store(), connect)
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080")))
    with ThreadingHTTPServer(address, Handler) as server:
        print(f"api listens on port {address[1]}: {Handler.service.about}", flush=True)
        Seed(Handler.service.store).start()
        server.serve_forever()


if __name__ == "__main__":
    main()
