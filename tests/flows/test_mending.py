"""After a stop or a kill: what is tainted, what no state knows, and the runs that mend it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from butai.assembly import Butai
from butai.environments.mends import AdoptRequest, DeleteOrphanRequest, ForgetRequest, Mends, UntaintRequest
from butai.environments.model import Kind
from butai.environments.service import CreateRequest, DestroyRequest, EnvironmentView, UpdateRequest
from butai.environments.stopping import CancelRequest, Stopping
from butai.errors import ButaiError, NotFoundError, RefusedError, WrongUseError
from butai.runs.model import RunEnd, Step
from butai.terraform.state import summary
from support.carrying import has_begun, wait_for
from support.here import butai_with, carry, folder_of
from support.threads import in_background
from support.tiny_team import TOKEN, TinyTeam

IMAGE, SLOW = "terraform_data.image", "terraform_data.slow"


@pytest.fixture
def butai(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Butai]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BUTAI_SECRET_TINY_TOKEN", TOKEN)
    butai = butai_with(tmp_path, TinyTeam(tmp_path / "team"))
    yield butai
    butai.database.close()


def stopping(butai: Butai) -> Stopping:
    return Stopping(butai.environments, butai.runs)


def mends(butai: Butai) -> Mends:
    return Mends(butai.database, butai.environments)


def made_now(butai: Butai, run: int) -> list[str]:
    """What is being changed at this moment."""
    return [each.address for each in butai.runs.in_flight(run).changes]


def stopped(butai: Butai) -> EnvironmentView:
    """An environment whose creation was stopped while its second resource was being made."""
    started = butai.environments.create(CreateRequest(name="qa-1", variables={"sleep_s": "60"}), by="mika")
    with in_background(lambda: carry(butai, started.run)):
        wait_for(
            lambda: made_now(butai, started.run.id) == [SLOW],
            why="the slow one is begun, and the others are over",
        )
        stopping(butai).stop(started.run.id, CancelRequest())
    return butai.environments.by_id(started.environment.id)


def killed(butai: Butai) -> EnvironmentView:
    """An environment whose engine was killed while its second resource was being made."""
    started = butai.environments.create(CreateRequest(name="qa-1", variables={"sleep_s": "60"}), by="mika")
    with in_background(lambda: carry(butai, started.run)):
        folder = folder_of(butai, started.run)
        wait_for(lambda: has_begun(folder, SLOW), why="the slow one is begun")
        engine = folder.living_engine()
        assert engine is not None
        engine.kill()
    return butai.environments.by_id(started.environment.id)


def tainted(butai: Butai, environment_id: int) -> list[str]:
    resources = summary(butai.states.read(environment_id) or b"").resources
    return [each.address for each in resources if each.tainted]


def test_the_question_says_what_a_stop_meets_and_the_end_says_what_it_left(butai: Butai) -> None:
    started = butai.environments.create(CreateRequest(name="qa-1", variables={"sleep_s": "60"}), by="mika")
    assert butai.runs.in_flight(started.run.id).going is False, "it waits: nothing can be half made"
    with in_background(lambda: carry(butai, started.run)):
        wait_for(lambda: made_now(butai, started.run.id) == [SLOW], why="the slow one alone is being made")
        flight = butai.runs.in_flight(started.run.id)
        assert [(each.address, each.action, each.taints) for each in flight.changes] == [(SLOW, "create", True)]
        assert (flight.going, flight.begun, flight.hard) == (True, True, False)
        stopping(butai).stop(started.run.id, CancelRequest())
    shown = butai.environments.get("qa-1")
    assert shown.last_run.end is RunEnd.INTERRUPTED
    assert [each.address for each in shown.tainted] == [SLOW] == tainted(butai, shown.id)
    said = [event.message for event in butai.runs.events(shown.last_run.id)]
    assert f"Tainted: {SLOW}. The next apply destroys it and makes it again." in said
    assert shown.orphans == [] and butai.runs.in_flight(started.run.id).changes == []


def test_what_turned_out_complete_is_untainted_and_not_made_again(butai: Butai) -> None:
    left = stopped(butai)
    with pytest.raises(NotFoundError, match="not tainted"):
        mends(butai).untaint("qa-1", UntaintRequest(address=IMAGE), by="mika")
    before = {each.address: each.id for each in summary(butai.states.read(left.id) or b"").resources}
    shown = carry(butai, mends(butai).untaint("qa-1", UntaintRequest(address=SLOW), by="mika").run)
    assert shown.tainted == [] and tainted(butai, left.id) == []
    assert shown.last_run.id == left.last_run.id, "how the environment is says its creation, as before"
    up = carry(butai, butai.environments.next("qa-1", by="mika").run)
    assert up.state.kind is Kind.UP
    assert {each.address: each.id for each in summary(butai.states.read(left.id) or b"").resources} == before


def test_without_untaint_the_next_apply_makes_it_again(butai: Butai) -> None:
    left = stopped(butai)
    before = {each.address: each.id for each in summary(butai.states.read(left.id) or b"").resources}
    up = carry(butai, butai.environments.update("qa-1", UpdateRequest(variables={"sleep_s": "0"}), by="mika").run)
    after = {each.address: each.id for each in summary(butai.states.read(left.id) or b"").resources}
    assert up.state.kind is Kind.UP and up.tainted == []
    assert after[IMAGE] == before[IMAGE] and after[SLOW] != before[SLOW]


def test_what_has_no_name_stays_on_the_list_until_somebody_has_looked(butai: Butai) -> None:
    left = killed(butai)
    assert [(each.address, bool(each.id)) for each in left.orphans] == [(IMAGE, True), (SLOW, False)]
    changed = butai.environments.update("qa-1", UpdateRequest(variables={"sleep_s": "0"}), by="mika")
    up = carry(butai, changed.run)
    assert up.state.kind is Kind.UP
    ids = {each.address: each.id for each in summary(butai.states.read(left.id) or b"").resources}
    assert ids[IMAGE] != left.orphans[0].id, "what was nowhere but in a state is made again"
    assert [(each.address, each.id) for each in up.orphans] == [(SLOW, "")], (
        "its making was begun and nobody saw its end"
    )

    forget = ForgetRequest(address=SLOW, confirm="qa")
    with pytest.raises(WrongUseError, match="look for"):
        mends(butai).forget("qa-1", forget, by="mika")
    shown = mends(butai).forget("qa-1", forget.model_copy(update={"confirm": "qa-1"}), by="mika")
    assert shown.orphans == []
    gone = carry(butai, butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1"), by="mika").run)
    assert gone.destroyed_at is not None and gone.left_over == []


def test_a_person_adopts_one_orphan_and_deletes_another(butai: Butai) -> None:
    left = killed(butai)
    adopted = carry(butai, mends(butai).adopt("qa-1", AdoptRequest(address=IMAGE), by="mika").run)
    assert [each.address for each in adopted.orphans] == [SLOW]
    state = summary(butai.states.read(left.id) or b"")
    assert [(each.address, each.id) for each in state.resources] == [(IMAGE, left.orphans[0].id)]

    with pytest.raises(WrongUseError, match="not known"):
        mends(butai).delete("qa-1", DeleteOrphanRequest(address=SLOW, confirm="qa-1"), by="mika")
    with pytest.raises(WrongUseError, match="cannot come back"):
        mends(butai).delete("qa-1", DeleteOrphanRequest(address=SLOW, id="found-1", confirm=""), by="mika")
    deleted = DeleteOrphanRequest(address=SLOW, id="found-1", confirm="qa-1")
    after = carry(butai, mends(butai).delete("qa-1", deleted, by="mika").run)
    assert after.orphans == []
    run = butai.environments.runs_of(left.id)[0]
    assert (run.end, run.done) == (RunEnd.SUCCEEDED, 1)
    assert summary(butai.states.read(left.id) or b"") == state, "the environment's own state is as it was"
    assert butai.states.lock_of(left.id) is None


def test_what_is_no_orphan_is_refused_with_the_nearest_name(butai: Butai) -> None:
    killed(butai)
    with pytest.raises(NotFoundError) as caught:
        mends(butai).adopt("qa-1", AdoptRequest(address="terraform_data.imag"), by="mika")
    assert IMAGE in caught.value.next


def test_a_hard_stop_wants_a_first_one_and_the_name_and_its_end_is_true(butai: Butai) -> None:
    """The engine cannot write its state, the database is away: one interrupt does not end it."""
    started = butai.environments.create(CreateRequest(name="qa-1", variables={"sleep_s": "20"}), by="mika")
    run = started.run.id
    folder = folder_of(butai, started.run)
    with in_background(lambda: carry(butai, started.run)):
        wait_for(lambda: has_begun(folder, SLOW), why="the slow one is begun")
        with butai.database.session() as session:
            session.execute(text("ALTER TABLE state_versions RENAME TO away"))
        with pytest.raises(RefusedError, match="cannot be stopped hard"):
            stopping(butai).stop(run, CancelRequest(hard=True, confirm="qa-1"))
        stopping(butai).stop(run, CancelRequest())
        wait_for(lambda: folder.cancel_asked, why="the engine is asked")
        engine = folder.living_engine()
        assert engine is not None
        with pytest.raises(ButaiError, match="typed"):
            stopping(butai).stop(run, CancelRequest(hard=True, confirm="qa-2"))
        said = folder.output(Step.APPLY)
        wait_for(lambda: "Stopping operation" in said.read_text(), why="it heard, and wants to keep its state first")
        time.sleep(1)
        assert folder.living_engine() is not None, "and it waits for that"
        assert butai.runs.in_flight(run).hard
        stopping(butai).stop(run, CancelRequest(hard=True, confirm="qa-1"))
        wait_for(lambda: folder.living_engine() is None, seconds=20, why="it leaves at the second interrupt")
        with butai.database.session() as session:
            session.execute(text("ALTER TABLE away RENAME TO state_versions"))
    shown = butai.environments.get("qa-1")
    assert shown.last_run.end is RunEnd.INTERRUPTED
    assert butai.states.lock_of(shown.id) is None
    assert butai.states.read(shown.id) is None, "it was not written"
    assert [(each.address, bool(each.id)) for each in shown.orphans] == [(IMAGE, True), (SLOW, False)]
    up = carry(butai, butai.environments.next("qa-1", by="mika").run)
    assert up.last_run.end is RunEnd.SUCCEEDED


def test_what_an_engine_leaves_in_a_file_at_a_hard_stop_is_rescued(butai: Butai) -> None:
    """Everything is made, the database is away: the engine waits with its state until it is stopped hard."""
    started = butai.environments.create(CreateRequest(name="qa-1", variables={"sleep_s": "4"}), by="mika")
    run, folder = started.run.id, folder_of(butai, started.run)
    with in_background(lambda: carry(butai, started.run)):
        wait_for(lambda: has_begun(folder, SLOW), why="the slow one is begun")
        with butai.database.session() as session:
            session.execute(text("ALTER TABLE state_versions RENAME TO away"))
        said = folder.output(Step.APPLY)
        wait_for(lambda: f"{SLOW}: Creation complete" in said.read_text(), why="everything is made")
        time.sleep(1)
        assert folder.living_engine() is not None, "it waits for its state to be saved"
        stopping(butai).stop(run, CancelRequest())
        wait_for(lambda: folder.cancel_asked, why="the engine is asked")
        stopping(butai).stop(run, CancelRequest(hard=True, confirm="qa-1"))
        wait_for(lambda: folder.read_end() is not None, seconds=20, why="it leaves at the second interrupt")
        with butai.database.session() as session:
            session.execute(text("ALTER TABLE away RENAME TO state_versions"))
    shown = butai.environments.get("qa-1")
    assert shown.last_run.end is RunEnd.STATE_NOT_SAVED
    kept = butai.environment_states.report("qa-1").kept
    assert kept and Path(kept.file).name == "errored.tfstate" and Path(kept.file).exists()
    again = butai.environments.next("qa-1", by="mika").run
    assert len(summary(butai.states.read(shown.id) or b"").resources) == 2 and not Path(kept.file).exists()
    up = carry(butai, again)
    assert (up.last_run.end, up.last_run.done) == (RunEnd.SUCCEEDED, 0), "nothing is made a second time"
