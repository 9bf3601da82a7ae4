"""Holds: how long they may last, and that everybody else's changes are refused through every door."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from butai.assembly import Butai, assemble
from butai.environments import store
from butai.environments.hold import AT_MOST, held_now, until_of
from butai.environments.holding import HoldRequest
from butai.environments.service import CreateRequest
from butai.environments.waves import left_because
from butai.errors import RefusedError, WrongUseError
from butai.rooms import ROOMS
from butai.runs.model import RunEnd, RunStatus
from butai.runs.store import Run
from butai.settings import Settings
from butai.web.app import create_app
from butai.web.sign_in import SignIn
from support.databases import postgres, team_database_url
from support.rows import NOW
from support.tiny_team import TinyTeam

__all__ = ["postgres", "team_database_url"]

TOKYO = ZoneInfo("Asia/Tokyo")
MORNING = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)  # ten o'clock in Tokyo


@pytest.mark.parametrize(
    ("words", "until"),
    [
        ("2h", MORNING + timedelta(hours=2)),
        ("90m", MORNING + timedelta(minutes=90)),
        (" 1h30m ", MORNING + timedelta(minutes=90)),
        ("17:30", datetime(2026, 11, 27, 8, 30, tzinfo=UTC)),
        ("2026-11-27T12:00", datetime(2026, 11, 27, 3, 0, tzinfo=UTC)),
        ("2026-11-27T12:00+00:00", None),
        ("10h", MORNING + AT_MOST),
        ("10h1m", None),
        ("9:30", None),
        ("25:00", None),
        ("0h", None),
        ("", None),
        ("soon", None),
    ],
)
def test_when_a_hold_ends(words: str, until: datetime | None) -> None:
    if until is None:
        with pytest.raises(WrongUseError):
            until_of(words, MORNING, TOKYO)
    else:
        assert until_of(words, MORNING, TOKYO) == until


@given(
    st.text(max_size=12),
    st.datetimes(timezones=st.just(UTC), min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1)),
)
def test_no_hold_ends_in_the_past_or_lasts_longer_than_a_working_day(words: str, now: datetime) -> None:
    try:
        until = until_of(words, now, TOKYO)
    except WrongUseError:
        return
    assert now < until <= now + AT_MOST


def test_a_hold_whose_end_is_past_counts_no_more() -> None:
    hold = {"by": "mika", "reason": "x", "since": MORNING.isoformat(), "until": MORNING.isoformat()}
    assert held_now(hold, MORNING) is None
    assert held_now(hold, MORNING - timedelta(seconds=1)) == hold
    assert held_now(None, MORNING) is None


@pytest.fixture
def butai(tmp_path: Path, team_database_url: str) -> Iterator[Butai]:
    team = TinyTeam(tmp_path / "team")
    butai = assemble(Settings(data=tmp_path / "data", database=team_database_url))
    butai.blueprints.add(str(team.infra.path))
    run = butai.environments.create(CreateRequest(name="qa-1"), by="mika").run
    with butai.database.session() as session:
        row = session.get_one(Run, run.id)
        row.status, row.end, row.ended_at, row.settled_at = RunStatus.ENDED, RunEnd.SUCCEEDED, NOW, NOW
    yield butai
    butai.database.close()


@pytest.fixture
def client(butai: Butai) -> TestClient:
    app = create_app(butai, ROOMS, SignIn(butai.data), 8710)
    headers = {"Authorization": f"Bearer {butai.data.cli_secret()}"}
    return TestClient(app, base_url="http://127.0.0.1:8710", headers=headers)


def hold(butai: Butai, by: str, until: str = "2h", **more: str) -> None:
    butai.holding.hold("qa-1", HoldRequest(reason="Trial with the carrier", until=until, **more), by=by)


DOORS = [
    ("post", "/deploys", {"services": {"web": {"branch": "blue"}}}),
    ("post", "/deploys/roll-back", {"service": "web", "to": 1}),
    ("patch", "", {"variables": {"exit_code": "0"}}),
    ("post", "/destroy", {"confirm": "qa-1"}),
    ("post", "/hold", {"reason": "mine", "until": "1h"}),
    ("post", "/release", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), DOORS)
def test_others_are_refused_through_every_door_and_the_holder_is_not(
    client: TestClient, butai: Butai, method: str, path: str, body: dict[str, object]
) -> None:
    hold(butai, "mika")

    def ask(who: str) -> tuple[int, str]:
        headers = {"X-Butai-User": who}
        answer = client.request(method, f"/api/v1/environments/qa-1{path}", json=body, headers=headers)
        return answer.status_code, answer.text

    status, said = ask("ken")
    assert status == 409
    assert '"code":"held"' in said and "held by mika until" in said and "Trial with the carrier" in said
    assert len(butai.environments.runs_of(butai.environments.get("qa-1").id)) == 1
    assert ask("mika")[0] in (200, 202)


def test_ten_at_the_same_moment_are_all_refused(client: TestClient, butai: Butai) -> None:
    hold(butai, "mika")
    body = {"services": {"web": {"branch": "blue"}}}

    def ask(number: int) -> int:
        headers = {"X-Butai-User": f"ken-{number}"}
        status: int = client.post("/api/v1/environments/qa-1/deploys", json=body, headers=headers).status_code
        return status

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(ask, range(10))) == {409}


def test_of_ten_who_hold_at_the_same_moment_one_has_it(butai: Butai) -> None:
    def ask(number: int) -> bool:
        try:
            hold(butai, f"ken-{number}")
        except RefusedError:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(ask, range(10))) == 1


def test_a_look_is_no_change_and_a_hold_ends_by_itself(butai: Butai) -> None:
    hold(butai, "mika")
    shown = butai.environments.check("qa-1", by="ken").environment
    assert shown.hold is not None and shown.hold.by == "mika"
    with butai.database.session() as session:
        row = session.get_one(store.Environment, shown.id)
        assert row.hold is not None
        row.hold = {**row.hold, "until": NOW.isoformat()}
    assert butai.environments.get("qa-1").hold is None
    assert butai.environments.list()[0].hold is None
    hold(butai, "ken")
    with pytest.raises(RefusedError, match="held by ken"):
        butai.holding.release("qa-1", by="mika")
    hold(butai, "ken", "3h", holder="aiko")
    assert butai.holding.release("qa-1", by="aiko").hold is None
    with pytest.raises(RefusedError, match="Nobody holds"):
        butai.holding.release("qa-1", by="aiko")
    with pytest.raises(WrongUseError, match="why"):
        butai.holding.hold("qa-1", HoldRequest(reason=" ", until="1h"), by="ken")


def test_waves_leave_what_is_held(butai: Butai) -> None:
    hold(butai, "mika")
    shown = butai.environments.get("qa-1")
    for environment in (shown.model_dump(), shown.model_dump(mode="json")):
        assert left_because(environment).startswith("mika holds it until 20")


def test_the_pages_show_who_has_it_and_give_it_back(client: TestClient, butai: Butai) -> None:
    html = {"Accept": "text/html"}
    assert "Nobody else changes it meanwhile" in client.get("/environments/tiny/qa-1", headers=html).text
    given = {"reason": "Trial", "until": "2h"}
    assert client.post("/environments/tiny/qa-1/hold", data=given, follow_redirects=False).status_code == 303
    held = butai.environments.get("qa-1").hold
    assert held is not None
    for page in ("/environments/tiny/qa-1", "/environments", "/deploys"):
        assert held.by in client.get(page, headers=html).text
    assert "Held by" in client.get("/environments", headers=html).text
    wrong = client.post("/environments/tiny/qa-1/hold", data={"reason": "x", "until": "soon"}, headers=html)
    assert wrong.status_code == 422 and "cannot end at" in wrong.text
    assert client.post("/environments/tiny/qa-1/release", follow_redirects=False).status_code == 303
    assert butai.environments.get("qa-1").hold is None
