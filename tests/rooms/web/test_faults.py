"""What the portal does when something is wrong inside it, and what merely looking leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from butai.assembly import Butai, assemble
from butai.db import Base
from butai.rooms import ROOMS
from butai.settings import Settings
from butai.web.app import create_app
from butai.web.room import Room
from butai.web.sign_in import SignIn
from support.rows import NOW, add_environment, add_run

URL = "http://127.0.0.1:8710"
SECRET = "postgresql://butai:hunter2@db/butai"

router = APIRouter()


@router.get("/broken")
@router.post("/broken")
@router.get("/api/v1/broken")
def broken() -> None:
    raise RuntimeError(SECRET)


@router.get("/half")
def half() -> StreamingResponse:
    def parts() -> Iterator[str]:
        yield "a part"
        raise RuntimeError(SECRET)

    return StreamingResponse(parts())


@pytest.fixture
def butai(tmp_path: Path) -> Iterator[Butai]:
    butai = assemble(Settings(data=tmp_path / "data"))
    yield butai
    butai.database.close()


@pytest.fixture
def client(butai: Butai) -> TestClient:
    """Signed in; a fault that nobody answers is raised here."""
    sign_in = SignIn(butai.data)
    broken_room = Room("broken", "Blueprints", "Stage", "/broken", (router,))
    client = TestClient(create_app(butai, (*ROOMS, broken_room), sign_in, 8710), base_url=URL, follow_redirects=False)
    assert client.get(sign_in.address(URL)).status_code == 303
    return client


def token(client: TestClient) -> str:
    found = re.search(r'name="token" value="([0-9a-f]+)"', client.get("/blueprints").text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", ["/broken", "/api/v1/broken"])
def test_a_fault_is_answered_with_a_number_and_nothing_else(client: TestClient, path: str) -> None:
    with structlog.testing.capture_logs() as logged:
        answer = client.get(path)
    assert answer.status_code == 500
    assert "hunter2" not in answer.text and "Traceback" not in answer.text
    number = re.search(r"Incident ([0-9a-f]{8})", answer.text)
    assert number is not None
    assert [(each["event"], each["incident"], each["path"]) for each in logged] == [("unexpected", number[1], path)]
    assert str(logged[0]["exc_info"]) == SECRET, "the log has the reason"
    if path.startswith("/api/"):
        assert answer.json()["error"]["code"] == "unexpected"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_fault_in_a_form_promises_nothing(client: TestClient) -> None:
    answer = client.post("/broken", data={"token": token(client)})
    assert answer.status_code == 500
    assert "Look what was done" in answer.text


def test_a_begun_answer_is_cut_off_and_not_patched(client: TestClient) -> None:
    with pytest.raises(RuntimeError):
        client.get("/half")


def test_looking_at_every_page_leaves_the_database_as_it_was(butai: Butai, client: TestClient) -> None:
    web = {"branch": "main", "commit": "0" * 40, "image": "web", "default_branch": "main"}
    environment = add_environment(butai.database, "qa-1", services={"web": web})
    run = add_run(butai.database, environment, params={})
    before = everything(butai)
    names = {"blueprint": "ivr", "name": "qa-1", "service_name": "web", "environment_id": environment, "run_id": run}
    names |= {"rollout_id": 1, "number": 1, "other": "qa-2", "file": "staging/main.tf"}
    looked = 0
    for path in get_routes():
        if path.endswith("/stream"):
            continue  # goes on until the run ends
        for asked in (path.format(**names), path.format(**names) + "?run=1&confirm=qa-1&token=x&latest=on"):
            assert client.get(asked).status_code in (200, 303, 404, 422), asked
        looked += 1
    assert looked >= 10
    assert everything(butai) == before


def get_routes() -> list[str]:
    routers = [each for room in ROOMS for each in room.routers]
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    return [route.path_format for route in routes if "GET" in (route.methods or ())]


def everything(butai: Butai) -> dict[str, list[Any]]:
    with butai.database.session() as session:
        return {
            table.name: [tuple(row) for row in session.execute(table.select()).all()]
            for table in Base.metadata.sorted_tables
        }


def test_scripts_are_asked_for_again_after_an_upgrade(client: TestClient) -> None:
    first = client.get("/static/butai.js")
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-type"].startswith("text/javascript")
    again = client.get("/static/butai.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


def test_what_is_not_a_page_is_no_page(client: TestClient) -> None:
    for path in ("/static/../../app.py", "/static/%2e%2e/app.py", "/static/vendor/", "/static/none.js"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert "from __future__" not in answer.text


def test_a_rooms_figure_stands_beside_it_but_not_on_a_page_that_says_what_went_wrong(
    butai: Butai, client: TestClient
) -> None:
    """An error may be the database's: its page must not ask there again."""
    add_run(butai.database, add_environment(butai.database, "qa-1"))
    add_environment(butai.database, "qa-0", destroyed_at=NOW)
    figure = re.compile(r'id="figure-environments"[^>]*>(\d*)<')
    assert figure.findall(client.get("/blueprints").text) == ["1"]
    assert figure.findall(client.get("/environments?part=glance").text) == ["1"]
    assert figure.findall(client.get("/nowhere").text) == []
