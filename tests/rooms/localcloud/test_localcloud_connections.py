"""Connections to the API: one serves many requests, and none outlives the API."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from butai.localcloud.handler import MAX_BODY_BYTES
from butai.localcloud.server import ApiServer, Door, Gaps
from butai.localcloud.state import CloudState

SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/ap-northeast-1/ecs/aws4_request, SignedHeaders=host",
    "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters",
}


class Moto:
    """Answers with what it was given; with `free` cleared, once that is set."""

    def __init__(self) -> None:
        self.asked, self.free = threading.Event(), threading.Event()
        self.free.set()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.asked.set()
        assert self.free.wait(20)
        return Response(Request(environ).get_data())(environ, start_response)


@pytest.fixture(name="moto")
def fixture_moto() -> Moto:
    return Moto()


@pytest.fixture(name="api")
def fixture_api(tmp_path: Path, moto: Moto) -> Iterator[ApiServer]:
    door = Door(CloudState("ap-northeast-1"), Gaps(tmp_path / "unanswered.jsonl"), lambda: None)
    door.moto = moto
    server = ApiServer(door, 0)
    server.start()
    yield server
    server.stop()


@pytest.fixture(name="line")
def fixture_line(api: ApiServer) -> Iterator[HTTPConnection]:
    opened = HTTPConnection("127.0.0.1", api.port, timeout=20)
    yield opened
    opened.close()


def ask(line: HTTPConnection, body: str | Iterable[bytes], **more: str) -> tuple[int, str]:
    """Status and text of an answer."""
    line.request("POST", "/", body, {**SIGNED, **more})
    answer = line.getresponse()
    return answer.status, answer.read().decode()


def test_requests_follow_each_other_on_one_connection(line: HTTPConnection) -> None:
    assert ask(line, "one") == (200, "one")
    first = line.sock
    assert first is not None
    assert ask(line, "") == (200, "")
    assert ask(line, "three") == (200, "three")
    assert line.sock is first


def test_a_refusal_leaves_the_connection_fit_for_the_next_request(line: HTTPConnection) -> None:
    assert ask(line, "body", Authorization="none")[0] == 403
    first = line.sock
    assert ask(line, "next") == (200, "next")
    assert line.sock is first


def test_a_body_in_pieces_is_read_and_ends_the_connection(line: HTTPConnection) -> None:
    assert ask(line, iter([b"in ", b"pieces"])) == (200, "in pieces")
    assert line.sock is None
    assert ask(line, "next") == (200, "next")


def test_a_body_beyond_all_measure_is_refused_and_not_taken_for_a_request(line: HTTPConnection) -> None:
    assert ask(line, "x" * (MAX_BODY_BYTES + 1))[0] == 413
    assert line.sock is None
    assert ask(line, "next") == (200, "next")


def test_who_waits_to_be_told_to_go_on_is_told(api: ApiServer) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in {**SIGNED, "Expect": "100-continue"}.items())
    with socket.create_connection(("127.0.0.1", api.port), timeout=20) as line:
        line.sendall(f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Length: 4\r\n\r\n".encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 100 ")
        line.sendall(b"body")
        assert line.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_goes_in_the_middle_of_a_request_has_asked_nothing(api: ApiServer, moto: Moto) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in SIGNED.items())
    with socket.create_connection(("127.0.0.1", api.port), timeout=20) as line:
        line.sendall(f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Length: 400\r\n\r\nbegun".encode())
        line.shutdown(socket.SHUT_WR)
        assert line.recv(1000) == b""
    assert not moto.asked.is_set()


def test_no_request_is_taken_on_an_open_connection_once_the_api_has_stopped(
    api: ApiServer, line: HTTPConnection
) -> None:
    assert ask(line, "one") == (200, "one")
    api.stop()
    line.auto_open = 0
    with pytest.raises((RemoteDisconnected, ConnectionError)):
        ask(line, "two")


def test_an_answer_that_is_being_made_still_goes_out(api: ApiServer, line: HTTPConnection, moto: Moto) -> None:
    moto.free.clear()
    line.request("POST", "/", "slow", SIGNED)
    assert moto.asked.wait(20)
    api.stop()
    moto.free.set()
    assert line.getresponse().read() == b"slow"
