"""What ran at a time: the newest change that was over by then, and whether that is sure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from butai.assembly import Butai, assemble
from butai.deploys.report import moment_of, stood_at
from butai.environments.service import CreateRequest, DestroyRequest, ServiceChoice
from butai.environments.store import Environment
from butai.errors import NotFoundError, WrongUseError
from butai.leases import service as leases
from butai.rooms import ROOMS
from butai.runs.model import RunEnd, RunStatus
from butai.runs.service import RunView
from butai.runs.store import Run
from butai.settings import Settings
from butai.web.app import create_app
from butai.web.sign_in import SignIn
from support.tiny_team import TinyTeam

TOKYO = timezone(timedelta(hours=9), "JST")
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


@pytest.fixture
def team(tmp_path: Path) -> TinyTeam:
    return TinyTeam(tmp_path / "team")


@pytest.fixture
def butai(tmp_path: Path, team: TinyTeam) -> Iterator[Butai]:
    """An environment that was made at noon, and deployed to from 10 to 12 minutes past."""
    butai = assemble(Settings(data=tmp_path / "data"))
    butai.blueprints.add(str(team.infra.path))
    took(butai, butai.environments.create(CreateRequest(name="qa-1"), by="mika").run, NOON, NOON + minutes(5))
    deploy = butai.environments.deploy("qa-1", {"web": ServiceChoice(branch="blue")}, by="ken", blueprint=None)
    took(butai, deploy.run, NOON + minutes(10), NOON + minutes(12))
    yield butai
    butai.database.close()


@pytest.fixture
def client(butai: Butai) -> TestClient:
    app = create_app(butai, ROOMS, SignIn(butai.data), 8710)
    headers = {"Authorization": f"Bearer {butai.data.cli_secret()}", "X-Butai-User": "ken"}
    return TestClient(app, base_url="http://127.0.0.1:8710", headers=headers)


def took(butai: Butai, run: RunView, began: datetime, over: datetime | None, end: RunEnd = RunEnd.SUCCEEDED) -> RunView:
    with butai.database.session() as session:
        row = session.get_one(Run, run.id)
        row.requested_at = row.started_at = began
        row.status, row.ended_at, row.settled_at = RunStatus.ENDED, over, over
        row.end = end if over else None
    return butai.runs.get(run.id)


def ran(butai: Butai, at: datetime) -> tuple[list[str], bool]:
    found = butai.deploys.report("qa-1", at=at.isoformat(), portal="http://butai/")
    return [each.commit for each in found.services], found.sure


def test_each_time_has_the_versions_that_ran_then(butai: Butai, team: TinyTeam) -> None:
    assert ran(butai, NOON - minutes(1)) == ([], False)
    assert ran(butai, NOON + minutes(2)) == ([], False)
    assert ran(butai, NOON + minutes(7)) == ([team.main_commit], True)
    assert ran(butai, NOON + minutes(11)) == ([team.main_commit], False), "a deploy was under way"
    assert ran(butai, NOON + minutes(13)) == ([team.blue_commit], True)


def test_what_ended_badly_is_said_to_be_unsure_and_what_changed_nothing_is_passed_over(
    butai: Butai, team: TinyTeam
) -> None:
    again = {"web": ServiceChoice(branch="main")}
    nothing = butai.environments.deploy("qa-1", again, by="ken", blueprint=None)
    took(butai, nothing.run, NOON + minutes(20), NOON + minutes(21), RunEnd.CANCELLED_BEFORE_CHANGE)
    assert ran(butai, NOON + minutes(22)) == ([team.blue_commit], True)
    half = butai.environments.deploy("qa-1", again, by="ken", blueprint=None)
    took(butai, half.run, NOON + minutes(30), NOON + minutes(31), RunEnd.NOT_ROLLED_OUT)
    assert ran(butai, NOON + minutes(32)) == ([team.blue_commit], False), "what served before still did"
    told = butai.deploys.report("qa-1", at=(NOON + minutes(32)).isoformat(), portal="http://butai").markdown
    assert f"- Run {half.run.id} ended as not-rolled-out" in told
    gone = butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1"), by="mika")
    took(butai, gone.run, NOON + minutes(40), NOON + minutes(41))
    assert ran(butai, NOON + minutes(42)) == ([], True)


def test_one_that_is_gone_is_reported_on_and_not_mixed_up_with_the_next_of_its_name(
    butai: Butai, team: TinyTeam
) -> None:
    gone = butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1"), by="mika")
    took(butai, gone.run, NOON + minutes(40), NOON + minutes(41))
    with butai.database.session() as session:
        old = session.get_one(Environment, gone.environment.id)
        old.created_at, old.destroyed_at = NOON, NOON + minutes(41)
        leases.give_back(session, old.id, now=NOON + minutes(41))
    assert ran(butai, NOON + minutes(13)) == ([team.blue_commit], True)
    assert ran(butai, NOON + minutes(50)) == ([], True)
    again = butai.environments.create(CreateRequest(name="qa-1"), by="mika")
    took(butai, again.run, NOON + minutes(60), NOON + minutes(62))
    with butai.database.session() as session:
        session.get_one(Environment, again.environment.id).created_at = NOON + minutes(60)
    assert ran(butai, NOON + minutes(13)) == ([team.blue_commit], True)
    assert ran(butai, NOON + minutes(63)) == ([team.main_commit], True)
    with pytest.raises(NotFoundError):
        butai.deploys.report("qa-7", portal="http://butai/")


def test_the_text_is_for_a_ticket(client: TestClient, team: TinyTeam) -> None:
    found = client.get("/api/v1/environments/qa-1/report", params={"at": "2026-11-26T12:13:00Z"}).json()
    assert found["markdown"].splitlines()[0].startswith("**qa-1** (tiny), 2026-11-26 ")
    assert f"- `web`: blue `{team.blue_commit}`" in found["markdown"]
    assert "- Log: <http://127.0.0.1:8710/environments/tiny/qa-1?run=2>" in found["markdown"]
    assert (found["run"], found["end"], found["going_on"]) == (2, "succeeded", None)
    wrong = client.get("/api/v1/environments/qa-1/report", params={"at": "yesterday"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "bad-time")


def test_a_time_of_day_is_the_newest_one() -> None:
    now = datetime(2026, 11, 26, 1, 30, tzinfo=UTC)  # half past ten in Tokyo
    assert moment_of("", now, TOKYO) == now
    assert moment_of("10:05", now, TOKYO) == datetime(2026, 11, 26, 1, 5, tzinfo=UTC)
    assert moment_of("14:05", now, TOKYO) == datetime(2026, 11, 25, 5, 5, tzinfo=UTC)
    assert moment_of("2026-11-25 14:05", now, TOKYO) == datetime(2026, 11, 25, 5, 5, tzinfo=UTC)
    for wrong in ("25:00", "soon", "2026-11-27", "14:5x"):
        with pytest.raises(WrongUseError):
            moment_of(wrong, now, TOKYO)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.integers(0, 23), st.integers(0, 59))
def test_a_time_of_day_is_less_than_a_day_ago(now: datetime, hour: int, minute: int) -> None:
    aware = now.replace(tzinfo=UTC)
    found = moment_of(f"{hour}:{minute:02}", aware, TOKYO)
    assert timedelta(0) <= aware - found < timedelta(days=1)
    assert (found.astimezone(TOKYO).hour, found.astimezone(TOKYO).minute) == (hour, minute)


def test_without_runs_nothing_stood() -> None:
    assert stood_at([], NOON) == (None, None, None)
