"""What goes wrong is said in the language of the page; command line and API say it in English."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from butai.assembly import Butai, assemble
from butai.environments.model import Health
from butai.environments.store import Environment
from butai.errors import RefusedError
from butai.rooms import ROOMS
from butai.runs.claims import Fenced
from butai.runs.log import RunLog
from butai.runs.model import RunEnd, RunStatus, Step
from butai.runs.store import Run
from butai.settings import Settings
from butai.terraform.progress import InFlight, Progress
from butai.text import stored, text
from butai.web.app import create_app
from butai.web.render import with_code
from butai.web.sign_in import SignIn
from support.rows import NOW, add_environment, add_run, claim_run
from support.tiny_team import TinyTeam

PORT = 8711
HOST = f"127.0.0.1:{PORT}"
JAPANESE = {"Accept-Language": "ja", "Accept": "text/html"}
PARAMS = {"ref": "", "commit": "", "services": {}, "variables": {}}


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
    client = TestClient(create_app(butai, ROOMS, sign_in, PORT), base_url=f"http://{HOST}", headers=JAPANESE)
    assert client.get(sign_in.address(f"http://{HOST}")).status_code == 200
    return client


def form(client: TestClient, **fields: str) -> dict[str, str]:
    found = client.get("/blueprints").text.partition('name="token" value="')[2].partition('"')[0]
    return {"token": found, **fields}


def test_a_form_says_in_japanese_what_is_wrong_with_a_name(butai: Butai, client: TestClient, team: TinyTeam) -> None:
    butai.blueprints.add(str(team.infra.path), root="staging", name="tiny")
    add_run(butai.database, add_environment(butai.database, "qa-1", blueprint="tiny"), params=PARAMS)
    taken = client.post("/environments", data=form(client, blueprint="tiny", name="qa-1"))
    assert taken.status_code == 409
    assert "環境 <code>qa-1</code> はすでにあります。" in taken.text
    assert "持ち主は mika、作成日は 2026-01-02 です。" in taken.text
    assert "<code>butai env show qa-1</code>" in taken.text
    bad = client.post("/environments", data=form(client, blueprint="tiny", name="QA 1!"))
    assert "名前は小文字の英字、数字、ハイフンで 2〜20 文字です。" in bad.text
    assert "<code>qa-1</code> はいかがですか。" in bad.text
    english = client.post(
        "/environments", data=form(client, blueprint="tiny", name="qa-1"), headers={"Accept-Language": "en"}
    )
    assert "An environment <code>qa-1</code> exists already." in english.text


def test_an_address_without_a_page_is_said_in_japanese(client: TestClient) -> None:
    page = client.get("/nothing").text
    assert "<title>このアドレスには何もありません。" in page and "There is nothing" not in page


def stored_failure(butai: Butai) -> int:
    environment = add_environment(butai.database, "qa-1")
    ended = {"status": RunStatus.ENDED, "ended_at": NOW, "end": RunEnd.LOST}
    error = RefusedError(
        text("The end of this run was not seen."),
        why=text("The engine of run {run} still runs (process {pid}).", run=3, pid=17),
        next="as the engine says it",
    )
    run = add_run(butai.database, environment, params=PARAMS, error=error.as_stored(), **ended)
    log = RunLog(Fenced(butai.database, claim_run(butai.database, run)), run, lambda: NOW)
    reason = text("{url} does not answer", url="http://qa-1.localhost")
    log.say(Step.READY, text("Not ready: {reason}", reason=reason), kind="failed", why=text("Its own"), next="x")
    with butai.database.session() as session:
        row = session.get_one(Run, run)
        row.status, row.settled_at = RunStatus.ENDED, NOW
    return run


def test_a_stored_error_and_a_stored_note_are_shown_in_japanese(butai: Butai, client: TestClient) -> None:
    stored_failure(butai)
    page = client.get("/environments/ivr/qa-1").text
    assert "この実行の終わりを確認できませんでした。" in page
    assert "実行 3 のエンジンがまだ動いています(プロセス 17)。" in page
    assert "準備できていません: http://qa-1.localhost が応答しません" in page
    assert "この実行の終わりを確認できませんでした。" in client.get("/environments").text
    english = client.get("/environments/ivr/qa-1", headers={"Accept-Language": "en"}).text
    assert "The end of this run was not seen." in english and "Not ready: http://qa-1.localhost" in english


def test_a_log_that_goes_on_is_in_the_pages_language(butai: Butai, client: TestClient) -> None:
    run = stored_failure(butai)
    assert "準備できていません" in client.get(f"/runs/{run}/stream").text
    assert "Not ready" in client.get(f"/runs/{run}/stream", headers={"Accept-Language": "en"}).text
    assert "Not ready" in client.get(f"/api/v1/runs/{run}/stream").text


def test_the_api_is_english_and_shows_no_templates(butai: Butai, client: TestClient, sign_in: SignIn) -> None:
    run = stored_failure(butai)
    key = {"Authorization": f"Bearer {sign_in.cli_key}", "Accept-Language": "ja"}
    shown: dict[str, Any] = client.get(f"/api/v1/runs/{run}", headers=key).json()
    assert set(shown["error"]) == {"code", "what", "why", "next", "where"}
    assert shown["error"]["why"] == "The engine of run 3 still runs (process 17)."
    [line] = client.get(f"/api/v1/runs/{run}/events", headers=key).json()
    assert line["message"] == "Not ready: http://qa-1.localhost does not answer"
    assert line["detail"] == {"why": "Its own", "next": "x"}
    listed = client.get("/api/v1/environments", headers=key)
    assert listed.json()[0]["state"]["reason"] == "The end of this run was not seen."
    assert "texts" not in listed.text and "{alive}" not in json.dumps(shown)


def test_health_and_what_is_waited_for_are_shown_in_japanese(butai: Butai, client: TestClient) -> None:
    slow = add_environment(butai.database, "qa-1")
    ended = {"status": RunStatus.ENDED, "ended_at": NOW, "settled_at": NOW, "end": RunEnd.SUCCEEDED}
    add_run(butai.database, slow, params=PARAMS, **ended)
    busy = add_environment(butai.database, "qa-2")
    run = add_run(butai.database, busy, params=PARAMS, status=RunStatus.RUNNING, started_at=NOW)
    waits = Progress(in_flight=(InFlight("aws_elasticache_cluster.redis", "create", 20, None),)).waiting_text
    with butai.database.session() as session:
        session.get_one(Environment, slow).note_health(
            Health.NOT_READY, text("{url} answers {status}", url="u", status=502)
        )
        row = session.get_one(Run, run)
        row.waiting_for, row.waiting_text = waits, stored(waits)
    assert "u が 502 を返しています" in client.get("/environments/ivr/qa-1").text
    page = client.get("/environments/ivr/qa-2").text
    assert "aws_elasticache_cluster.redis を作成中(20 秒)" in page
    shown = butai.environments.get("qa-1")
    assert shown.model_dump(mode="json")["state"]["reason"] == "u answers 502"


def test_a_state_inside_an_error_is_its_japanese_word(butai: Butai, client: TestClient) -> None:
    environment = add_environment(butai.database, "qa-1", health=Health.READY)
    ended = {"status": RunStatus.ENDED, "ended_at": NOW, "settled_at": NOW, "end": RunEnd.SUCCEEDED}
    add_run(butai.database, environment, params=PARAMS, **ended)
    page = client.post("/environments/ivr/qa-1/next", data=form(client)).text
    assert "<code>qa-1</code> に次の操作はありません(状態: 稼働中)。" in page
    with pytest.raises(RefusedError, match="`qa-1` has no next action: it is up"):
        butai.environments.next("qa-1", by="mika")


def test_what_a_destroy_gave_up_on_is_shown_in_japanese(butai: Butai, client: TestClient) -> None:
    reason = text("AWS cannot be used as {who}.", who=text("profile {profile}", profile="qa"))
    left = [{"address": "", "type": str(reason), "id": "", "text": stored(reason)}]
    environment = add_environment(butai.database, "qa-1", left_over=left)
    add_run(butai.database, environment, params=PARAMS)
    assert "プロファイル qa で AWS を使えません。" in client.get("/environments/ivr/qa-1").text
    assert butai.environments.get("qa-1").model_dump(mode="json")["left_over"] == [
        {"address": "", "type": "AWS cannot be used as profile qa.", "id": ""}
    ]


def test_words_between_backticks_are_code_and_never_markup() -> None:
    assert with_code("Say `butai env list`.") == "Say <code>butai env list</code>."
    assert with_code("`<script>`") == "<code>&lt;script&gt;</code>"
    assert with_code('<b> ` "\x1b[31m') == "&lt;b&gt; ` &#34;"
    assert with_code(text("`{name}` is reserved.", name="` <i>`x` </i>")).count("<i>") == 0


def test_a_name_from_outside_brings_no_markup_into_an_error(client: TestClient) -> None:
    page = client.get("/environments/ivr/%60%3Cscript%3Ealert(1)%3C%2Fscript%3E%60").text
    assert "<script>alert" not in page and "&lt;script&gt;" in page
