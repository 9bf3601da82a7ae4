"""The queue and the workers as page, API and headline show them, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from butai.assembly import Butai, assemble, now
from butai.environments.service import CreateRequest, UpdateRequest
from butai.environments.views import ServiceChoice
from butai.errors import RefusedError
from butai.rooms import ROOMS
from butai.runs import claims, workers
from butai.runs.model import RunEnd
from butai.runs.queue import Hand, WaitsFor
from butai.runs.store import Worker
from butai.settings import Settings
from butai.web.app import create_app
from butai.web.sign_in import SignIn
from support.databases import postgres, team_database_url
from support.tiny_team import YAML, TinyTeam

__all__ = ["postgres", "team_database_url"]


@pytest.fixture
def butai(tmp_path: Path, team_database_url: str) -> Iterator[Butai]:
    team = TinyTeam(tmp_path / "team", yaml=YAML + "runs: {labels: {account: dev}, at_once: 2}\n")
    butai = assemble(Settings(data=tmp_path / "data", database=team_database_url))
    butai.blueprints.add(str(team.infra.path))
    yield butai
    butai.database.close()


@pytest.fixture
def client(butai: Butai) -> TestClient:
    app = create_app(butai, ROOMS, SignIn(butai.data), 8710)
    key = butai.data.cli_secret()
    return TestClient(app, base_url="http://127.0.0.1:8710", headers={"Authorization": f"Bearer {key}"})


def create(butai: Butai, name: str) -> int:
    return butai.environments.create(CreateRequest(name=name), by="mika").run.id


def worker(butai: Butai, name: str, *, slots: int = 5, cap: int = 0, **labels: str) -> Hand:
    with butai.database.session() as session:
        workers.register(session, name, slots=slots, labels=labels, now=now(), cap=cap)
    return Hand(name, labels, slots)


def take(butai: Butai, hand: Hand, cap: int = 0) -> list[int]:
    with butai.database.session() as session:
        return [each.run_id for each in claims.take(session, hand, cap=cap, now=now())]


def silence(butai: Butai, name: str) -> None:
    with butai.database.session() as session:
        session.get_one(Worker, name).seen_at -= timedelta(minutes=5)


def waits(butai: Butai) -> list[tuple[int, WaitsFor]]:
    return [(each.run, each.place.waits_for) for each in butai.board.queue().queued]


def test_each_queued_run_says_its_place_and_what_it_waits_for(butai: Butai) -> None:
    first, second = create(butai, "qa-1"), create(butai, "qa-2")
    assert waits(butai) == [(first, WaitsFor.WORKER), (second, WaitsFor.WORKER)]
    assert "butai worker" in butai.environments.get("qa-1").state.reason

    worker(butai, "plain")
    assert waits(butai)[0] == (first, WaitsFor.LABELS)
    reason = butai.environments.get("qa-2").state.reason
    assert reason.startswith("Number 2 in the queue") and "--label account=dev" in reason

    hand = worker(butai, "dev", slots=1, account="dev")
    assert waits(butai)[0] == (first, WaitsFor.TURN)
    assert take(butai, hand) == [first]
    assert waits(butai) == [(second, WaitsFor.SLOT)]
    later = butai.environments.update("qa-1", UpdateRequest(services={"web": ServiceChoice(branch="blue")}), by="ken")
    queued = butai.board.queue().queued
    assert (queued[1].run, queued[1].place.waits_for_run) == (later.run.id, first)
    assert f"run {first}" in butai.environments.get("qa-1").state.reason

    wide = worker(butai, "wide", account="dev")
    assert take(butai, wide) == [second]
    third = create(butai, "qa-3")
    assert (third, WaitsFor.BLUEPRINT_CAP) in waits(butai)
    assert "`tiny`" in butai.environments.get("qa-3").state.reason
    going = butai.board.queue().going
    assert [(each.run, each.worker, each.alive) for each in going] == [(first, "dev", True), (second, "wide", True)]
    assert [each.environment for each in going] == ["qa-1", "qa-2"]


def test_the_cap_is_the_one_that_the_living_workers_were_told(butai: Butai) -> None:
    hand = worker(butai, "one", cap=1, account="dev")
    create(butai, "qa-1")
    take(butai, hand, cap=1)
    second = create(butai, "qa-2")
    assert waits(butai) == [(second, WaitsFor.CAP)]
    worker(butai, "two", account="dev")
    assert waits(butai) == [(second, WaitsFor.TURN)], "one of them knows no limit"


def test_a_run_whose_worker_is_not_there_says_so(butai: Butai) -> None:
    hand = worker(butai, "one", account="dev")
    create(butai, "qa-1")
    take(butai, hand)
    assert butai.environments.get("qa-1").state.reason == ""
    silence(butai, "one")
    assert "butai worker" in butai.environments.list()[0].state.reason
    (going,) = butai.board.queue().going
    assert not going.alive


def test_a_newer_update_takes_the_place_of_a_queued_one_and_both_say_so(butai: Butai, client: TestClient) -> None:
    hand = worker(butai, "one", account="dev")
    create(butai, "qa-1")
    take(butai, hand)
    change = UpdateRequest(variables={"sleep_s": "1"})
    older = butai.environments.update("qa-1", change, by="ken").run.id
    newer = butai.environments.update("qa-1", UpdateRequest(variables={"exit_code": "0"}), by="aya").run
    assert newer.params["variables"] == {"sleep_s": "1", "exit_code": "0"}
    shown = butai.runs.get(older)
    assert (shown.end, shown.superseded_by) == (RunEnd.SUPERSEDED, newer.id)
    assert [each.run for each in butai.board.queue().queued] == [newer.id]
    page = client.get(f"/environments/tiny/qa-1?run={older}")
    assert f"Superseded by run {newer.id}" in page.text
    assert client.get(f"/api/v1/runs/{older}").json()["superseded_by"] == newer.id


def test_updates_at_the_same_time_supersede_each_other_and_nothing_that_was_asked_for_is_lost(butai: Butai) -> None:
    hand = worker(butai, "one", account="dev")
    create(butai, "qa-1")
    take(butai, hand)
    start = threading.Barrier(4)

    def change(request: UpdateRequest) -> None:
        start.wait()
        butai.environments.update("qa-1", request, by="ken")

    web = UpdateRequest(services={"web": ServiceChoice(branch="blue")})
    values = [UpdateRequest(variables={name: "1"}) for name in ("sleep_s", "exit_code")]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, [web, *values, UpdateRequest(latest=True)]))
    (left,) = [each for each in butai.board.queue().queued if each.environment == "qa-1"]
    params = butai.runs.get(left.run).params
    assert (params["variables"], params["services"]["web"]["branch"]) == ({"sleep_s": "1", "exit_code": "1"}, "blue")


def test_the_list_of_environments_asks_little_and_no_more_for_many(butai: Butai) -> None:
    asked: list[str] = []
    event.listen(butai.database.engine, "before_cursor_execute", lambda _c, _u, words, *_: asked.append(words))

    def questions() -> int:
        asked.clear()
        butai.environments.list()
        return sum(
            "workers" in each or "run_claims" in each or "FROM runs \nWHERE runs.status" in each for each in asked
        )

    create(butai, "qa-1")
    one = questions()
    create(butai, "qa-2")
    create(butai, "qa-3")
    assert questions() == one <= 4
    for each in butai.environments.list():
        butai.runs.cancel(each.last_run.id)
    assert questions() == 0, "nothing is asked of the queue where nothing goes on"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Runs and queue", "Going on", "Number 1 in the queue", "Alive")),
        ("ja", ("実行と待ち行列", "待ち行列の 1 番目", "稼働中")),
    ],
)
def test_the_pages_show_it_in_both_languages(
    butai: Butai, client: TestClient, language: str, words: tuple[str, ...]
) -> None:
    hand = worker(butai, "one", slots=1, account="dev")
    create(butai, "qa-1")
    take(butai, hand)
    create(butai, "qa-2")
    accept = {"Accept-Language": language}
    runs, people = client.get("/runs", headers=accept), client.get("/workers", headers=accept)
    assert (runs.status_code, people.status_code) == (200, 200)
    for each in words:
        assert each in runs.text + people.text
    assert 'id="figure-runs">2<' in runs.text
    part = client.get("/runs?part=board", headers=accept).text
    assert "<html" not in part and "qa-2" in part and 'hx-swap-oob="true">2<' in part
    assert "account" in people.text and "1" in people.text


@pytest.mark.parametrize(
    ("full", "language", "words"),
    [
        ("memory", "en", ("too little free memory.", "no room now: too little free memory", "1 of 2 cores at work")),
        ("cores", "en", ("every core is at work.", "no room now: every core is at work", "700 MiB free")),
        ("cores", "ja", ("すべてのコアが使用中です", "コア 2 個中 1 個が使用中")),
        ("slot", "en", ("every worker that could take it is full", "as many runs wait here")),
    ],
)
def test_a_machine_that_is_full_is_said_everywhere(
    butai: Butai, client: TestClient, full: str, language: str, words: tuple[str, ...]
) -> None:
    hand = worker(butai, "one", slots=1, account="dev")
    create(butai, "qa-1")
    take(butai, hand)
    second = create(butai, "qa-2")

    def tell(slots: int) -> None:
        figures = {"cores": 2, "working": 1, "free_mib": 700, "total_mib": 4000, "busy": 0.0, "full": full}
        with butai.database.session() as session:
            workers.tell_room(session, "one", slots, figures)

    tell(1)
    assert waits(butai) == [(second, WaitsFor(full))]
    assert butai.environments.get("qa-2").state.reason == butai.board.queue().queued[0].place.words
    accept = {"Accept-Language": language}
    shown = client.get("/runs", headers=accept).text + client.get("/workers", headers=accept).text
    for each in words:
        assert each in shown
    (one,) = client.get("/api/v1/workers").json()
    assert (one["slots"], one["room"]["more"], one["room"]["full"]) == (1, 0, full)
    tell(3)
    assert waits(butai) == [(second, WaitsFor.TURN)]
    (one,) = client.get("/api/v1/workers").json()
    assert (one["room"]["more"], one["room"]["words"]) == (2, "room for 2 more now")


def test_declaring_dead_by_api_wants_the_id_and_silence(butai: Butai, client: TestClient) -> None:
    hand = worker(butai, "one", account="dev")
    create(butai, "qa-1")
    (run,) = take(butai, hand)

    def declare(confirm: str) -> tuple[int, Any]:
        answer = client.post("/api/v1/workers/one/declare-dead", json={"confirm": confirm})
        return answer.status_code, answer.json()

    assert declare("")[0] == 422
    assert (declare("one")[0], declare("one")[1]["error"]["code"]) == (409, "worker-alive")
    assert "declare-dead" not in client.get("/workers").text, "no such question about a living one"
    silence(butai, "one")
    page = client.get("/workers").text
    assert "/workers/one/declare-dead" in page and "shut out" in page
    code, shown = declare("one")
    assert (code, shown["state"], [each["run"] for each in shown["runs"]]) == (200, "declared-dead", [run])
    listed = client.get("/api/v1/workers").json()
    assert listed[0]["declared_dead_by"]
    assert client.post("/api/v1/workers/none/declare-dead", json={"confirm": "none"}).status_code == 404


def test_a_stopped_worker_may_be_declared_dead_at_once_and_lives_again_when_it_comes(butai: Butai) -> None:
    worker(butai, "one")
    with butai.database.session() as session:
        session.get_one(Worker, "one").stopped_at = now()
        assert workers.declare_dead(session, "one", by="aya", now=now()).declared_dead_by == "aya"
        workers.declare_dead(session, "one", by="ken", now=now())
    with butai.database.session() as session:
        assert session.get_one(Worker, "one").declared_dead_by == "aya", "said once"
    worker(butai, "one")
    (shown,) = butai.board.workers()
    assert (shown.state, shown.declared_dead_by) == ("alive", "")
    with butai.database.session() as session, pytest.raises(RefusedError):
        workers.declare_dead(session, "one", by="aya", now=now())
