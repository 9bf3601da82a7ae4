"""The gate before the portal: every way in that must stay shut is tried."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from butai.assembly import Butai, assemble
from butai.rooms import ROOMS
from butai.runs.store import RunEvent
from butai.settings import Settings
from butai.web.app import create_app
from butai.web.sign_in import SESSION_LIFE_S, SignIn
from support.rows import NOW, add_environment, add_run
from support.tiny_team import TinyTeam

PORT = 8710
HOST = f"127.0.0.1:{PORT}"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> TinyTeam:
    return TinyTeam(tmp_path_factory.mktemp("team"))


@pytest.fixture
def butai(tmp_path: Path) -> Iterator[Butai]:
    butai = assemble(Settings(data=tmp_path / "data"))
    yield butai
    butai.database.close()


@pytest.fixture
def sign_in(butai: Butai) -> SignIn:
    return SignIn(butai.data)


@pytest.fixture
def client(butai: Butai, sign_in: SignIn) -> TestClient:
    app = create_app(butai, ROOMS, sign_in, PORT)
    return TestClient(app, base_url=f"http://{HOST}", follow_redirects=False, raise_server_exceptions=False)


def signed_in(client: TestClient, sign_in: SignIn) -> TestClient:
    address = sign_in.address(f"http://{HOST}")
    assert client.get(address).status_code == 303
    return client


def token(client: TestClient) -> str:
    found = re.search(r'name="token" value="([0-9a-f]+)"', client.get("/blueprints").text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", ["/", "/environments", "/blueprints", "/patterns", "/api/v1/environments", "/nothing"])
def test_without_a_session_no_page_shows_anything(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert "butai" in answer.text and "qa-1" not in answer.text


def test_the_one_time_key_works_once(client: TestClient, sign_in: SignIn) -> None:
    address = sign_in.address(f"http://{HOST}")
    first = client.get(address)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert client.get("/environments").status_code == 200
    client.cookies.clear()
    assert client.get(address).status_code == 401


def test_a_key_ends_after_an_hour_and_a_session_after_a_month(butai: Butai) -> None:
    clock = [1000.0]
    sign_in = SignIn(butai.data, lambda: clock[0])
    late = sign_in.address("").rpartition("=")[2]
    clock[0] += 3601
    assert sign_in.redeem(late) is None
    session = sign_in.redeem(sign_in.address("").rpartition("=")[2])
    assert session is not None and sign_in.is_session(session)
    clock[0] += SESSION_LIFE_S + 1
    assert not sign_in.is_session(session)


def test_a_session_outlives_a_restart_and_cannot_be_forged(butai: Butai, sign_in: SignIn) -> None:
    session = sign_in.redeem(sign_in.address("").rpartition("=")[2])
    assert session is not None
    assert SignIn(butai.data).is_session(session)
    body, _, signature = session.rpartition(".")
    for forged in (
        "",
        ".",
        "x",
        body,
        f"{body}.",
        f"{body}.{'0' * 64}",
        f"9{body}.{signature}",
        f"9999999999.x.{signature}",
    ):
        assert not sign_in.is_session(forged)


def test_the_keys_are_for_their_owner_only(butai: Butai, sign_in: SignIn) -> None:
    sign_in.address("")
    for name in ("cli.key", "session.key", "sign-in-keys.json"):
        assert stat.S_IMODE((butai.data.path / name).stat().st_mode) == 0o600, name
    assert sign_in.cli_key not in (butai.data.path / "sign-in-keys.json").read_text()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8710", "127.0.0.1:9999", "127.0.0.1", "", "localhost:8710.evil.example"]
)
def test_another_name_is_not_answered(client: TestClient, sign_in: SignIn, host: str) -> None:
    """A name elsewhere that was pointed at this machine (DNS rebinding)."""
    signed_in(client, sign_in)
    for method in ("GET", "POST"):
        assert client.request(method, "/environments", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": f"https://{HOST}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_elsewhere_changes_nothing(client: TestClient, sign_in: SignIn, headers: dict[str, str]) -> None:
    signed_in(client, sign_in)
    form = {"token": token(client), "repository": "/tmp/x"}
    answer = client.post("/blueprints", data=form, headers=headers)
    assert answer.status_code == 409 and "another site" in answer.text
    key = {"Authorization": f"Bearer {sign_in.cli_key}"}
    refused = client.post("/api/v1/blueprints", json={"repository": "/tmp/x"}, headers={**headers, **key})
    assert refused.json()["error"]["code"] == "foreign-origin"


@pytest.mark.parametrize("given", [None, "", "0" * 64, "ü"])
def test_a_form_without_its_token_changes_nothing(client: TestClient, sign_in: SignIn, given: str | None) -> None:
    signed_in(client, sign_in)
    form = {"repository": "/tmp/x"} if given is None else {"repository": "/tmp/x", "token": given}
    assert client.post("/blueprints", data=form).status_code == 409
    # The cookie alone is no key to the API either: a page elsewhere would have the browser send it.
    assert client.post("/api/v1/blueprints", json={"repository": "/tmp/x"}).status_code == 409


def test_a_token_of_another_session_does_not_help(client: TestClient, sign_in: SignIn) -> None:
    mine = token(signed_in(client, sign_in))
    client.cookies.clear()
    signed_in(client, sign_in)
    assert client.post("/language", data={"language": "ja", "token": mine}).status_code == 409
    assert client.post("/language", data={"language": "ja", "token": token(client)}).status_code == 303


def test_the_command_lines_key_opens_the_api_and_nothing_else_does(client: TestClient, sign_in: SignIn) -> None:
    for key in ("", "x", sign_in.cli_key[:-1], sign_in.cli_key + "x"):
        assert client.get("/api/v1/environments", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    answer = client.get("/api/v1/environments", headers={"Authorization": f"Bearer {sign_in.cli_key}"})
    assert (answer.status_code, answer.json()) == (200, [])
    made = client.post("/api/sign-in-keys", headers={"Authorization": f"Bearer {sign_in.cli_key}"}).json()["url"]
    assert client.get(made).status_code == 303


def test_looking_never_changes_anything(client: TestClient, sign_in: SignIn) -> None:
    """Every route that takes GET only reads; every other one is behind the token."""
    signed_in(client, sign_in)
    paths = client.get("/api/openapi.json").json()["paths"]
    changing = [(path, method) for path, methods in paths.items() for method in methods if method != "get"]
    assert len(changing) >= 8
    for path, method in changing:
        filled = re.sub(r"\{[^}]+\}", "1", path)
        assert client.request(method, filled, json={}).status_code == 409, (path, method)


def test_markup_and_terminal_codes_are_shown_as_text(butai: Butai, client: TestClient, sign_in: SignIn) -> None:
    evil = "<script>alert(1)</script>\x1b[31m"
    branch = {"branch": evil, "commit": "0" * 40, "image": evil, "default_branch": "main"}
    environment = add_environment(butai.database, "qa-1", purpose=evil, owner=evil, services={"web": branch})
    run = add_run(butai.database, environment, params={"ref": "", "commit": "", "services": {}, "variables": {}})
    with butai.database.session() as session:
        event = RunEvent(
            run_id=run, seq=1, source="apply", line=1, at=NOW, step="apply", kind="log", message=evil, detail={}
        )
        session.add(event)
    signed_in(client, sign_in)
    for path in ("/environments", "/environments/ivr/qa-1", f"/environments?q={quote(evil)}"):
        page = client.get(path).text
        assert "<script>alert" not in page, path
        assert "\x1b" not in page, path


def test_strict_headers_are_on_every_answer(client: TestClient, sign_in: SignIn) -> None:
    signed_in(client, sign_in)
    for path in ("/environments", "/nothing", "/api/v1/environments", "/static/butai.css"):
        headers = client.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert client.get("/environments").headers["cache-control"] == "no-store"


def test_an_error_of_the_api_has_the_one_shape(client: TestClient, sign_in: SignIn) -> None:
    key = {"Authorization": f"Bearer {sign_in.cli_key}"}
    answers = [
        client.get("/api/v1/nothing", headers=key),
        client.get("/api/v1/environments/none", headers=key),
        client.get("/api/v1/runs/x", headers=key),
        client.post("/api/v1/environments", content=b"{", headers=key),
        client.put("/api/v1/environments", headers=key),
        client.get("/api/v1/environments"),
        client.get("/api/v1/runs/99/stream", headers=key),
    ]
    for answer in answers:
        assert answer.status_code >= 400
        error = json.loads(answer.text)["error"]
        assert set(error) >= {"code", "what", "why", "next", "where"}, answer.text
        assert error["what"] and "Traceback" not in answer.text


def test_the_language_follows_the_browser_and_can_be_switched(client: TestClient, sign_in: SignIn) -> None:
    signed_in(client, sign_in)
    japanese = client.get("/environments", headers={"Accept-Language": "ja-JP,ja;q=0.9,en;q=0.8"}).text
    assert '<html lang="ja">' in japanese and "環境" in japanese
    assert '<html lang="en">' in client.get("/environments", headers={"Accept-Language": "fr"}).text
    back = client.post("/language", data={"language": "ja", "back": "//evil.example", "token": token(client)})
    assert back.headers["location"] == "/"
    assert '<html lang="ja">' in client.get("/environments", headers={"Accept-Language": "en"}).text
