"""States in a team's own bucket: real Terraform with its `s3` backend against an emulated S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butai.assembly import Butai, assemble
from butai.environments.service import CreateRequest, DestroyRequest, UpdateRequest
from butai.environments.state_views import ImportRequest, ReleaseRequest, RollBackRequest
from butai.errors import ButaiError, RefusedError, WrongUseError
from butai.runs import workers
from butai.runs.folder import RunFolder
from butai.runs.model import RunEnd
from butai.settings import Settings
from butai.states.model import Holder
from butai.terraform.state import summary
from support.bucket import LOCKS, carry, create, keys, locks
from support.carrying import has_begun, now, wait_for
from support.rows import WORKER
from support.threads import in_background
from support.tiny_team import YAML, TinyTeam
from support.variants import LOCKFILE_FIRST, again

STATE = "state: {{s3: {{bucket: team-states, key_prefix: staging/butai, use_path_style: true, {lock}}}}}\n"


@pytest.fixture(params=LOCKFILE_FIRST)
def butai(request: pytest.FixtureRequest, s3: Any, tmp_path: Path) -> Iterator[Butai]:
    team = TinyTeam(tmp_path / "team", yaml=YAML + STATE.format(lock=LOCKS[request.param]))
    butai = assemble(Settings(data=tmp_path / "data"))
    butai.blueprints.add(str(team.infra.path))
    with butai.database.session() as session:
        workers.register(session, WORKER, slots=1, labels={}, now=now())
    yield butai
    butai.database.close()


def in_bucket(s3: Any, name: str) -> bytes:
    return bytes(s3.get_object(Bucket="team-states", Key=f"staging/butai/{name}.tfstate")["Body"].read())


@again
def test_the_life_of_an_environment_whose_state_lies_in_the_bucket(butai: Butai, s3: Any) -> None:
    made = carry(butai, create(butai, "qa-1"))
    assert (made.end, made.error) == (RunEnd.SUCCEEDED, None)
    assert carry(butai, create(butai, "qa-2")).end is RunEnd.SUCCEEDED
    assert keys(s3) == {"staging/butai/qa-1.tfstate", "staging/butai/qa-2.tfstate"}, "a key each, and no lock is left"
    assert in_bucket(s3, "qa-1") == butai.states.read(made.environment_id), "and a version of it here"
    shown = butai.environments.get("qa-1")
    assert {each.name: each.value for each in shown.outputs}["secret"] == "(sensitive)"
    override = next(Path(made.folder or butai.data.run(made.id)).rglob("zzzz_butai_override.tf")).read_text()
    assert 'key = "staging/butai/qa-1.tfstate"' in override and "test" not in override

    first = butai.environment_states.report("qa-1").total
    update = butai.environments.update("qa-1", UpdateRequest(variables={"sleep_s": "0", "exit_code": "0"}), by="ken")
    assert carry(butai, update.run).end is RunEnd.SUCCEEDED
    body = RollBackRequest(version=first, confirm="qa-1")
    rolled = carry(butai, butai.environment_states.roll_back("qa-1", body, by="aya").run)
    assert (rolled.end, rolled.error) == (RunEnd.SUCCEEDED, None)
    assert in_bucket(s3, "qa-1") == butai.states.read(made.environment_id), "it is rolled back where the engine looks"
    document = json.loads(in_bucket(s3, "qa-1"))
    document["serial"] += 1
    given = ImportRequest(document=json.dumps(document), confirm="qa-1")
    assert carry(butai, butai.environment_states.import_("qa-1", given, by="aya").run).end is RunEnd.SUCCEEDED
    again = butai.environments.update("qa-1", UpdateRequest(), by="ken")
    assert carry(butai, again.run).end is RunEnd.SUCCEEDED, "the engine goes on from there"
    assert locks() == []

    gone = carry(butai, butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1"), by="mika").run)
    assert gone.end is RunEnd.SUCCEEDED
    assert summary(in_bucket(s3, "qa-1")).is_empty
    assert butai.environments.by_id(made.environment_id).destroyed_at is not None
    assert carry(butai, create(butai, "qa-1")).end is RunEnd.SUCCEEDED, "the name is free again, and so is its key"


def test_a_state_that_is_there_already_is_nobody_elses_to_take(butai: Butai, s3: Any) -> None:
    held = {"mode": "managed", "type": "terraform_data", "name": "x", "instances": [{"attributes": {"id": "1"}}]}
    foreign = json.dumps({"version": 4, "serial": 1, "lineage": "theirs", "resources": [held]}).encode()
    s3.put_object(Bucket="team-states", Key="staging/butai/qa-1.tfstate", Body=foreign)
    run = carry(butai, create(butai, "qa-1"))
    assert run.end is RunEnd.FAILED_BEFORE_CHANGE and run.error and run.error["code"] == "state-address-taken"
    assert in_bucket(s3, "qa-1") == foreign


def test_two_environments_never_share_a_key(butai: Butai, tmp_path: Path) -> None:
    create(butai, "qa-1")
    yaml = YAML.replace("name: tiny", "name: other") + STATE.format(lock=LOCKS["lockfile"])
    butai.blueprints.add(str(TinyTeam(tmp_path / "other", yaml=yaml).infra.path))
    with pytest.raises(RefusedError) as caught:
        butai.environments.create(CreateRequest(name="qa-1", blueprint="other"), by="mika")
    assert caught.value.code == "state-address-taken"
    assert "s3://team-states/staging/butai/qa-1.tfstate" in caught.value.what


def test_what_a_killed_engine_left_locked_in_the_bucket_is_released(butai: Butai, s3: Any) -> None:
    asked = create(butai, "qa-1", sleep_s="30")
    folder = RunFolder(butai.data.run(asked.id))
    with in_background(lambda: carry(butai, asked)):
        wait_for(lambda: has_begun(folder, "terraform_data.slow"), seconds=60, why="the slow one is begun")
        engine = folder.living_engine()
        assert engine is not None
        engine.kill()
    run = butai.runs.get(asked.id)
    assert run.end in (RunEnd.LOST, RunEnd.PARTIALLY_APPLIED)
    assert locks() == [] and not any(key.endswith(".tflock") for key in keys(s3))
    again = butai.environments.update("qa-1", UpdateRequest(variables={"sleep_s": "0"}), by="ken")
    assert carry(butai, again.run).end is RunEnd.SUCCEEDED


def test_a_bucket_that_cannot_be_read_is_said_and_nothing_is_made(butai: Butai, s3: Any) -> None:
    s3.delete_bucket(Bucket="team-states")
    run = carry(butai, create(butai, "qa-1"))
    assert run.end is RunEnd.FAILED_BEFORE_CHANGE and run.error and run.error["code"] == "s3-state"


def test_a_state_that_the_bucket_did_not_take_is_kept_and_pushed_later(butai: Butai, s3: Any) -> None:
    asked = create(butai, "qa-1", sleep_s="3")
    folder = RunFolder(butai.data.run(asked.id))
    with in_background(lambda: carry(butai, asked)):
        wait_for(lambda: has_begun(folder, "terraform_data.slow"), seconds=60, why="the slow one is begun")
        for key in keys(s3):
            s3.delete_object(Bucket="team-states", Key=key)
        s3.delete_bucket(Bucket="team-states")
    run = butai.runs.get(asked.id)
    assert run.end is RunEnd.STATE_NOT_SAVED
    kept = butai.environment_states.report("qa-1").kept
    assert kept and Path(kept.file).exists()
    with pytest.raises(ButaiError) as caught:
        butai.environments.next("qa-1", by="ken")
    assert caught.value.code == "s3-state" and Path(kept.file).exists(), "it is kept until the bucket takes it"
    s3.create_bucket(Bucket="team-states")
    again = butai.environments.next("qa-1", by="ken").run
    assert not Path(kept.file).exists()
    assert len(summary(in_bucket(s3, "qa-1")).resources) == 2, "everything that was made is known"
    done = carry(butai, again)
    assert (done.end, done.done) == (RunEnd.SUCCEEDED, 0), "nothing is made a second time"


def test_a_lock_that_a_person_took_in_the_bucket_needs_a_persons_word(butai: Butai, s3: Any) -> None:
    carry(butai, create(butai, "qa-1"))
    states = butai.environment_states
    assert states.report("qa-1").place == "s3://team-states/staging/butai/qa-1.tfstate"
    remote = butai.environments.remote(butai.environments.get("qa-1"))
    assert remote is not None
    with remote.held("aya@mac", "OperationTypePlan", now()):
        lock = states.report("qa-1").lock
        assert lock and (lock.who, lock.holder, lock.host, lock.in_bucket) == ("aya@mac", Holder.UNSEEN, "mac", True)
        refused = carry(butai, states.roll_back("qa-1", RollBackRequest(version=1, confirm="qa-1"), by="ken").run)
        assert refused.end is RunEnd.FAILED_BEFORE_CHANGE and refused.error and "aya@mac" in refused.error["why"]
        with pytest.raises(WrongUseError, match="typed"):
            states.release("qa-1", ReleaseRequest(), by="ken")
        assert states.release("qa-1", ReleaseRequest(confirm="qa-1"), by="ken").lock is None
        assert locks() == [] and keys(s3) == {"staging/butai/qa-1.tfstate"}
