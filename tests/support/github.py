"""GitHub's API as far as Butai asks it, over HTTP: GitHub itself cannot be reached from a test.

Shapes and codes: https://docs.github.com/rest/actions (2022-11-28).
"""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghs_of_the_test"


@dataclass
class GitHubs:
    """A repository's workflow runs, by id: the commit, how it stands, and its artefacts' files."""

    url: str = ""
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    artifacts: dict[int, dict[str, Any]] = field(default_factory=dict)

    def run(self, commit: str, status: str = "completed", conclusion: str | None = "success") -> int:
        """A build of a commit."""
        number = 100 + len(self.runs)
        page = f"https://github.com/minato/web/actions/runs/{number}"
        self.runs[number] = {
            "id": number, "head_sha": commit, "status": status, "conclusion": conclusion, "html_url": page,
        }  # fmt: skip
        return number

    def leave(self, run: int, name: str, files: dict[str, str], *, expired: bool = False) -> None:
        """An artefact of a build."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
        number = 900 + len(self.artifacts)
        of = {"id": run, "head_sha": self.runs[run]["head_sha"]}
        shown = {"id": number, "name": name, "expired": expired, "workflow_run": of}
        self.artifacts[number] = {"shown": shown, "zip": content.getvalue()}

    def answer(self, path: str, asked: dict[str, list[str]]) -> Any:
        """What GitHub answers; bytes for a download; nothing for 404."""
        name = asked.get("name", [""])[0]
        named = [each["shown"] for each in reversed(self.artifacts.values()) if each["shown"]["name"] == name]
        if path == "/actions/runs":
            found = [each for each in reversed(self.runs.values()) if each["head_sha"] == asked["head_sha"][0]]
            return {"total_count": len(found), "workflow_runs": found}
        if path == "/actions/artifacts":
            return {"total_count": len(named), "artifacts": named}
        if match := re.fullmatch(r"/actions/runs/(\d+)/artifacts", path):
            found = [each for each in named if each["workflow_run"]["id"] == int(match[1])]
            return {"total_count": len(found), "artifacts": found}
        match = re.fullmatch(r"/actions/artifacts/(\d+)/zip", path)
        return self.artifacts[int(match[1])]["zip"] if match and int(match[1]) in self.artifacts else None


@contextmanager
def running_github() -> Iterator[GitHubs]:
    """It serves `minato/web` to whoever has the token."""
    hub = GitHubs()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path = parts.path.removeprefix("/repos/minato/web")
            allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}" and path != parts.path
            answer = hub.answer(path, parse_qs(parts.query)) if allowed else None
            if answer is None:
                self._send(404, json.dumps({"message": "Not Found"}).encode())
            elif isinstance(answer, bytes):
                self._send(200, answer)
            else:
                self._send(200, json.dumps(answer).encode())

        def _send(self, code: int, content: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
