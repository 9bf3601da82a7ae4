"""One run from the queue to its end, with the real engine and the supervisor's state endpoint."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import text, update

from butai.errors import RefusedError
from butai.runs.folder import RunFolder
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import RunEnd, RunKind
from butai.runs.service import RunView
from butai.runs.store import Run, RunClaim
from butai.states.model import Lock
from butai.terraform.state import summary
from support.carrying import QUICK, SLOW, RootJob, Stage, has_begun, now, slow, wait_for
from support.rows import add_run
from support.threads import in_background


def test_a_run_is_applied_and_its_state_and_log_are_kept(there: Stage, environment: int) -> None:
    run = add_run(there.database, environment)
    job = RootJob(QUICK)
    assert there.carrier(job).engine_part(run) == RunEnd.SUCCEEDED
    assert job.ends == [RunEnd.SUCCEEDED]
    shown = there.runs.get(run)
    assert (shown.planned, shown.done, shown.failed, shown.error) == (1, 1, 0, None)
    state = summary(there.states.read(environment) or b"")
    assert [each.address for each in state.resources] == ["terraform_data.one"]
    assert there.states.lock_of(environment) is None
    kinds = [event.kind for event in there.runs.events(run)]
    assert {"note", "planned", "started", "done", "change_summary"} <= set(kinds)
    assert [event.seq for event in there.runs.events(run)] == list(range(1, len(kinds) + 1))


def test_entering_a_run_that_has_ended_changes_nothing(there: Stage, environment: int) -> None:
    run = add_run(there.database, environment)
    job = RootJob(QUICK)
    carrier = there.carrier(job)
    carrier.engine_part(run)
    before = there.runs.events(run)
    assert carrier.engine_part(run) == RunEnd.SUCCEEDED
    assert there.runs.events(run) == before
    assert job.ends == [RunEnd.SUCCEEDED]


def test_a_destroy_leaves_an_empty_state_and_every_version(there: Stage, environment: int) -> None:
    first = add_run(there.database, environment)
    there.carrier(RootJob(QUICK)).engine_part(first)
    second = add_run(there.database, environment, kind=RunKind.DESTROY)
    assert there.carrier(RootJob(QUICK)).engine_part(second) == RunEnd.SUCCEEDED
    assert summary(there.states.read(environment) or b"").is_empty
    assert there.states.versions(environment) >= 2


def test_the_engines_error_is_told_with_file_and_line(there: Stage, environment: int) -> None:
    run = add_run(there.database, environment)
    there.carrier(RootJob('resource "terraform_data" "one" {\n  input = var.nothing\n}\n')).engine_part(run)
    shown = there.runs.get(run)
    assert shown.end is RunEnd.FAILED_BEFORE_CHANGE
    assert shown.error is not None and shown.error["where"] == "main.tf:2"


def test_no_secret_of_the_run_is_on_disk_or_on_a_command_line(there: Stage, environment: int, tmp_path: Path) -> None:
    run = add_run(there.database, environment)
    carrier = there.carrier(RootJob(slow(3)))
    seen: list[str] = []
    with in_background(lambda: carrier.engine_part(run)):
        folder = there.folder(run)
        wait_for(lambda: has_begun(folder, SLOW), why="the apply begins")
        pid = folder.living_engine()
        assert pid is not None
        process = pid
        seen.append(process.environ()["TF_HTTP_PASSWORD"])
        lines = [*process.cmdline(), *(process.parent() or process).cmdline()]
        assert not any(seen[0] in line for line in lines)
        assert not any(name.startswith("BUTAI_") for name in process.environ())
    assert len(seen[0]) >= 32
    there.database.close()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert seen[0].encode() not in path.read_bytes(), path


def test_a_locked_state_is_told_with_its_holder_and_nothing_is_changed(there: Stage, environment: int) -> None:
    other = add_run(there.database, environment)
    there.states.lock(environment, Lock("held", "aya@mac", "OperationTypeApply", other, now()))
    run = add_run(there.database, environment)
    there.carrier(RootJob(QUICK)).engine_part(run)
    shown = there.runs.get(run)
    assert shown.end is RunEnd.FAILED_BEFORE_CHANGE
    assert shown.error is not None and "lock" in shown.error["what"].lower()
    held = there.states.lock_of(environment)
    assert held is not None and held.lock_id == "held"


def test_a_cancel_is_one_interrupt_and_the_state_is_written(there: Stage, environment: int) -> None:
    run = add_run(there.database, environment)
    carrier = there.carrier(RootJob(slow(60)))
    with in_background(lambda: carrier.engine_part(run)):
        wait_for(lambda: has_begun(there.folder(run), SLOW), why="the apply begins")
        there.runs.cancel(run)
    shown = there.runs.get(run)
    assert shown.end is RunEnd.INTERRUPTED
    addresses = {each.address for each in summary(there.states.read(environment) or b"").resources}
    assert "terraform_data.one" in addresses
    assert there.states.lock_of(environment) is None
    with pytest.raises(RefusedError):
        there.runs.cancel(run)


def test_a_queued_run_is_cancelled_at_once(there: Stage, environment: int) -> None:
    run = add_run(there.database, environment)
    assert there.runs.cancel(run).end is RunEnd.CANCELLED_BEFORE_CHANGE
    job = RootJob(QUICK)
    assert there.carrier(job).engine_part(run) == RunEnd.CANCELLED_BEFORE_CHANGE
    assert job.ends == []
    assert there.states.read(environment) is None


@pytest.mark.parametrize(("can_look", "end"), [(True, RunEnd.PARTIALLY_APPLIED), (False, RunEnd.LOST)])
def test_an_engine_killed_in_mid_apply_is_no_success_and_its_lock_is_released(
    there: Stage, environment: int, can_look: bool, end: RunEnd
) -> None:
    run = add_run(there.database, environment)
    carrier = there.carrier(RootJob(slow(60), can_look=can_look))
    with in_background(lambda: carrier.engine_part(run)):
        folder = there.folder(run)
        wait_for(lambda: has_begun(folder, SLOW), why="the apply begins")
        pid = folder.living_engine()
        assert pid is not None
        pid.send_signal(signal.SIGKILL)
    assert there.runs.get(run).end is end
    assert there.states.lock_of(environment) is None


def test_a_state_that_is_refused_is_kept_on_disk_and_said(there: Stage, environment: int) -> None:
    run = add_run(there.database, environment)
    carrier = there.carrier(RootJob(slow(3)))
    with in_background(lambda: carrier.engine_part(run)):
        folder = there.folder(run)
        wait_for(lambda: has_begun(folder, SLOW), why="the apply begins")
        with there.database.session() as session:
            session.execute(update(RunClaim).values(fence=RunClaim.fence + 1))
        wait_for(lambda: folder.read_end() is not None, why="the engine ends")
        with there.database.session() as session:
            session.execute(update(RunClaim).values(fence=RunClaim.fence - 1))
        # Whoever lost the claim writes nothing more; the next one to hold it tells the truth.
    there.carrier(RootJob(QUICK)).engine_part(run)
    assert there.runs.get(run).end is RunEnd.STATE_NOT_SAVED
    assert there.states.read(environment) is None
    (left,) = folder.states_left_behind()
    assert len(json.loads(left.read_bytes())["resources"]) == 2


def test_a_database_that_is_away_is_waited_for_and_nothing_is_lost(there: Stage, environment: int) -> None:
    run = add_run(there.database, environment)
    carrier = there.carrier(RootJob(slow(2)))
    with in_background(lambda: carrier.engine_part(run)):
        folder = there.folder(run)
        wait_for(lambda: has_begun(folder, SLOW), why="the apply begins")
        with there.database.session() as session:
            session.execute(text("ALTER TABLE state_versions RENAME TO away"))
            session.execute(text("ALTER TABLE run_events RENAME TO away_too"))
        time.sleep(5)
        assert folder.living_engine() is not None, "the engine waits for its state to be saved"
        with there.database.session() as session:
            session.execute(text("ALTER TABLE away RENAME TO state_versions"))
            session.execute(text("ALTER TABLE away_too RENAME TO run_events"))
    assert there.runs.get(run).end is RunEnd.SUCCEEDED
    lines = [event.seq for event in there.runs.events(run, limit=5000)]
    assert lines == list(range(1, len(lines) + 1))
    assert len(summary(there.states.read(environment) or b"").resources) == 2


class AwayAtTheHandOver(RootJob):
    """The database goes away when everything is ready, and before it is said that an engine may run."""

    made = 0

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        prepared = super().prepare(run, folder, log)
        self.made += 1
        if self.made == 1:
            with log.fenced.database.session() as session:
                session.execute(text("ALTER TABLE run_claims RENAME TO away"))
        return prepared


def test_a_database_that_is_away_at_the_hand_over_costs_nothing(there: Stage, environment: int) -> None:
    run = add_run(there.database, environment)
    job = AwayAtTheHandOver(QUICK)
    carrier, folder = there.carrier(job), there.folder(run)
    with in_background(lambda: carrier.engine_part(run)):
        wait_for(lambda: folder.was_begun, why="the work is written down")
        time.sleep(2)
        assert not there.runs.get(run).handed_over and not folder.engine_was_started, "nobody was started"
        with there.database.session() as session:
            session.execute(text("ALTER TABLE away RENAME TO run_claims"))
    shown = there.runs.get(run)
    assert (shown.end, shown.error, shown.done) == (RunEnd.SUCCEEDED, None, 1)
    events = there.runs.events(run, limit=5000)
    assert [each.seq for each in events] == list(range(1, len(events) + 1))
    assert sum(each.kind == "change_summary" and each.action == "apply" for each in events) == 1


def test_a_stop_that_was_asked_while_the_database_was_away_at_the_hand_over_is_heard(
    there: Stage, environment: int
) -> None:
    run = add_run(there.database, environment)
    carrier, folder = there.carrier(AwayAtTheHandOver(QUICK)), there.folder(run)
    with in_background(lambda: carrier.engine_part(run)):
        wait_for(lambda: folder.was_begun, why="the work is written down")
        with there.database.session() as session:
            session.execute(update(Run).where(Run.id == run).values(cancel_requested_at=now()))
            session.execute(text("ALTER TABLE away RENAME TO run_claims"))
    assert there.runs.get(run).end is RunEnd.CANCELLED_BEFORE_CHANGE
    assert not folder.engine_was_started and there.states.read(environment) is None
