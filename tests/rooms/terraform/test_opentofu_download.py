"""Downloading the pinned engine, from a server on this machine: right, wrong, cut off, missing, and no server at all."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from butai.errors import MissingPartError
from butai.terraform.download import PIN, Pin, pinned_tofu
from butai.terraform.engine import choose, probe
from butai.terraform.providers import Mirrors

SCRIPT = b"""#!/bin/sh
echo '{"terraform_version": "9.9.9"}'
"""


def archive(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return packed.getvalue()


GOOD = archive(tofu=SCRIPT, LICENSE=b"MPL", **{"../outside": b"no"})


def pin_for(content: bytes) -> Pin:
    return Pin("9.9.9", {"linux_amd64": hashlib.sha256(content).hexdigest()})


class Releases:
    """A server of release archives; `content` is what it gives, `status` and `promised` how it lies about it."""

    def __init__(self) -> None:
        self.content, self.status, self.promised, self.asked = GOOD, 200, 0, list[str]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                if self.path.startswith("/from/"):
                    self.send_response(302)
                    self.send_header("Location", self.path.replace("/from/", "/to/"))
                    self.end_headers()
                    return
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.content) + outer.promised))
                self.end_headers()
                self.wfile.write(outer.content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def releases() -> Iterator[Releases]:
    server = Releases()
    yield server
    server.stop()


def get(releases: Releases, cache: Path, pin: Pin, path: str = "/to") -> Path:
    return pinned_tofu(cache, releases_url=releases.url + path, pin=pin, platform="linux_amd64")


def left_in(cache: Path) -> list[Path]:
    return [each for each in cache.rglob("*") if each.is_file()]


def test_the_right_archive_becomes_an_engine(releases: Releases, tmp_path: Path) -> None:
    path = get(releases, tmp_path, pin_for(GOOD))
    assert releases.asked == ["/to/v9.9.9/tofu_9.9.9_linux_amd64.zip"]
    assert left_in(tmp_path) == [path]
    assert path.stat().st_mode & 0o777 == 0o755
    assert path.read_bytes() == SCRIPT
    assert (probe(path).name, probe(path).version) == ("tofu", "9.9.9")
    assert get(releases, tmp_path, pin_for(GOOD)) == path
    assert len(releases.asked) == 1


def test_it_is_what_is_chosen_where_there_is_no_engine(releases: Releases, tmp_path: Path) -> None:
    found = choose(
        flag=None,
        blueprint=None,
        lock_file=None,
        search_path=str(tmp_path / "nothing"),
        mirrors=Mirrors(),
        download=lambda: get(releases, tmp_path, pin_for(GOOD)),
    )
    assert found.version == "9.9.9"


def test_redirects_are_followed(releases: Releases, tmp_path: Path) -> None:
    get(releases, tmp_path, pin_for(GOOD), path="/from/")
    assert releases.asked[0].startswith("/from/v9.9.9/")


def test_another_archive_than_the_pinned_one_is_thrown_away(releases: Releases, tmp_path: Path) -> None:
    releases.content = archive(tofu=b"#!/bin/sh\necho evil\n")
    with pytest.raises(MissingPartError) as caught:
        get(releases, tmp_path, pin_for(GOOD))
    error = caught.value
    assert error.code == "engine-checksum"
    assert hashlib.sha256(releases.content).hexdigest() in error.why
    assert hashlib.sha256(GOOD).hexdigest() in error.why
    assert left_in(tmp_path) == []


def test_a_download_that_is_cut_off(releases: Releases, tmp_path: Path) -> None:
    releases.promised = 1_000
    with pytest.raises(MissingPartError) as caught:
        get(releases, tmp_path, pin_for(GOOD))
    assert caught.value.code == "engine-download"
    assert "cut off" in caught.value.why
    assert left_in(tmp_path) == []
    releases.promised = 0
    assert get(releases, tmp_path, pin_for(GOOD)).exists()


def test_a_release_that_is_not_there(releases: Releases, tmp_path: Path) -> None:
    releases.status = 404
    with pytest.raises(MissingPartError, match="could not be downloaded") as caught:
        get(releases, tmp_path, pin_for(GOOD))
    assert "404" in caught.value.why
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("content", [archive(other=b"x"), b"no archive"])
def test_a_pinned_archive_without_a_binary(releases: Releases, tmp_path: Path, content: bytes) -> None:
    releases.content = content
    with pytest.raises(MissingPartError, match="could not be downloaded"):
        get(releases, tmp_path, pin_for(content))
    assert left_in(tmp_path) == []


def test_no_server(tmp_path: Path) -> None:
    stopped = Releases()
    stopped.stop()
    with pytest.raises(MissingPartError) as caught:
        pinned_tofu(tmp_path, releases_url=stopped.url, pin=pin_for(GOOD), platform="linux_amd64")
    assert "cannot be reached" in caught.value.why
    assert "Install OpenTofu" in caught.value.next


def test_a_platform_without_a_pin(tmp_path: Path) -> None:
    with pytest.raises(MissingPartError) as caught:
        pinned_tofu(tmp_path, platform="plan9_mips")
    assert caught.value.code == "engine-no-pin"
    assert not list(tmp_path.iterdir())


def test_many_at_once_see_a_whole_engine_or_none(releases: Releases, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: get(releases, tmp_path, pin_for(GOOD)), range(8)))
    assert len(paths) == 1
    assert left_in(tmp_path) == list(paths)


def test_the_pins_are_checksums() -> None:
    assert set(PIN.sha256) == {"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"}
    assert all(len(bytes.fromhex(each)) == 32 for each in PIN.sha256.values())
    assert PIN.path("linux_arm64") == "v1.12.5/tofu_1.12.5_linux_arm64.zip"
