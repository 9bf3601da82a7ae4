"""Serves one page, put together out of panels, and its files."""

from __future__ import annotations

import html
import mimetypes
import os
import signal
import string
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SERVED = (".css", ".js", ".svg")
SHORT_COMMIT = 7


def page() -> str:
    """The page with its panels, in the order of their folders' names."""
    panels = sorted(folder for folder in (HERE / "panels").iterdir() if folder.is_dir())
    environ = {
        "environment": os.environ.get("IVR_ENVIRONMENT", "none"),
        "version": os.environ.get("IVR_VERSION", "")[:SHORT_COMMIT] or "unknown",
        "test_number": os.environ.get("TEST_NUMBER", "none"),
    }
    template = string.Template((HERE / "page.html").read_text("utf-8"))
    return template.substitute(
        {name: html.escape(value) for name, value in environ.items()},
        styles="\n".join(f'<link rel="stylesheet" href="/{path}">' for path in _present(panels, "panel.css")),
        scripts="\n".join(f'<script type="module" src="/{path}"></script>' for path in _present(panels, "panel.js")),
        panels="\n".join((HERE / path).read_text("utf-8") for path in _present(panels, "panel.html")),
    )


def _present(panels: list[Path], name: str) -> list[Path]:
    return [(panel / name).relative_to(HERE) for panel in panels if (panel / name).exists()]


def files() -> dict[str, tuple[str, bytes]]:
    """Every file that may be asked for: path -> content type and content."""
    found = [path for path in HERE.rglob("*") if path.suffix in SERVED and path.is_file()]
    named = {f"/{path.relative_to(HERE)}": path for path in found}
    return {name: (mimetypes.guess_type(name)[0] or "text/plain", path.read_bytes()) for name, path in named.items()}


class Handler(BaseHTTPRequestHandler):
    """One request. All answers are made at the start: nothing changes while a version runs."""

    protocol_version = "HTTP/1.1"
    answers: dict[str, tuple[str, bytes]]

    def do_GET(self) -> None:
        """Send the page or a file."""
        answer = self.answers.get(self.path.partition("?")[0])
        content_type, content = answer or ("text/plain", b"There is no such page.\n")
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        # Another version may be deployed at any time, under the same address.
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", "default-src 'self'")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_HEAD(self) -> None:
        """Like GET, without the content."""
        self.do_GET()

    def log_message(self, form: str, *values: Any) -> None:
        """One line a request; the load balancer's health checks would drown them."""
        if getattr(self, "path", "") != "/healthz":
            print(form % values, flush=True)


def main() -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Handler.answers = {**files(), "/": ("text/html", page().encode()), "/healthz": ("text/plain", b"ok\n")}
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080")))
    with ThreadingHTTPServer(address, Handler) as server:
        print(f"web {os.environ.get('IVR_VERSION', '')} listens on port {address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
