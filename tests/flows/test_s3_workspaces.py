"""A root that reads `terraform.workspace`, and a key in the team's own bucket under which each environment is a workspace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from butai.assembly import Butai, assemble
from butai.environments.service import CreateRequest, DestroyRequest, UpdateRequest
from butai.environments.state_views import ReleaseRequest, RollBackRequest
from butai.errors import ButaiError, RefusedError, WrongUseError
from butai.runs import workers
from butai.runs.folder import RunFolder
from butai.runs.model import RunEnd, RunKind
from butai.settings import Settings
from butai.terraform.state import summary
from support.bucket import LOCKS, carry, create, keys, locks
from support.carrying import has_begun, now, wait_for
from support.rows import WORKER
from support.threads import in_background
from support.tiny_team import ROOT, YAML, TinyTeam
from support.variants import LOCKFILE_FIRST, again

STATE = "state: {{s3: {{bucket: team-states, key: shop/terraform.tfstate, use_path_style: true, {more}}}}}\n"
NAMELESS = YAML.replace("environment_variable: environment\n", "")
READS = ROOT.replace('variable "environment" { type = string }\n', "").replace("var.environment", "terraform.workspace")
NAMED = READS + 'output "name" { value = terraform.workspace }\n'
KEY = "env:/{name}/shop/terraform.tfstate"


@pytest.fixture(params=LOCKFILE_FIRST)
def butai(request: pytest.FixtureRequest, s3: Any, tmp_path: Path) -> Iterator[Butai]:
    yaml = NAMELESS + STATE.format(more=LOCKS[request.param])
    team = TinyTeam(tmp_path / "team", yaml=yaml, root=NAMED)
    butai = assemble(Settings(data=tmp_path / "data"))
    butai.blueprints.add(str(team.infra.path))
    with butai.database.session() as session:
        workers.register(session, WORKER, slots=1, labels={}, now=now())
    yield butai
    butai.database.close()


def in_bucket(s3: Any, name: str) -> bytes:
    return bytes(s3.get_object(Bucket="team-states", Key=KEY.format(name=name))["Body"].read())


def digests() -> set[str]:
    found = boto3.client("dynamodb", region_name="us-east-1").scan(TableName="locks")["Items"]
    return {each["LockID"]["S"] for each in found}


def test_the_life_of_an_environment_that_is_a_workspace(butai: Butai, s3: Any) -> None:
    made = carry(butai, create(butai, "qa-1"))
    assert (made.end, made.error) == (RunEnd.SUCCEEDED, None)
    assert carry(butai, create(butai, "qa-2")).end is RunEnd.SUCCEEDED
    assert keys(s3) == {KEY.format(name="qa-1"), KEY.format(name="qa-2")}, "a workspace each, and no lock is left"
    assert in_bucket(s3, "qa-1") == butai.states.read(made.environment_id), "and a version of it here"
    shown = butai.environments.get("qa-1")
    assert {each.name: each.value for each in shown.outputs}["name"] == "qa-1", (
        "the root has its name from the workspace"
    )
    assert butai.environment_states.report("qa-1").place == f"s3://team-states/{KEY.format(name='qa-1')}"

    first = butai.environment_states.report("qa-1").total
    drift = carry(butai, butai.environments.check("qa-1", by="ken").run)
    assert (drift.end, butai.environments.differences_of(drift.id)) == (RunEnd.SUCCEEDED, [])
    update = butai.environments.update("qa-1", UpdateRequest(variables={"sleep_s": "0", "exit_code": "0"}), by="ken")
    assert carry(butai, update.run).end is RunEnd.SUCCEEDED
    body = RollBackRequest(version=first, confirm="qa-1")
    assert carry(butai, butai.environment_states.roll_back("qa-1", body, by="aya").run).end is RunEnd.SUCCEEDED
    assert in_bucket(s3, "qa-1") == butai.states.read(made.environment_id), "rolled back where the engine looks"
    again = carry(butai, butai.environments.update("qa-1", UpdateRequest(), by="ken").run)
    assert again.end is RunEnd.SUCCEEDED, "the engine goes on from there"

    gone = carry(butai, butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1"), by="mika").run)
    assert gone.end is RunEnd.SUCCEEDED and butai.environments.by_id(made.environment_id).destroyed_at is not None
    assert keys(s3) == {KEY.format(name="qa-2")}, "the empty workspace is no clutter in the bucket"
    assert not any("qa-1" in each for each in digests())
    assert carry(butai, create(butai, "qa-1")).end is RunEnd.SUCCEEDED, (
        "the name is free again, and so is the workspace"
    )


def test_a_destroyed_one_that_somebody_has_locked_keeps_its_empty_workspace(butai: Butai, s3: Any) -> None:
    made = carry(butai, create(butai, "qa-1"))
    remote = butai.environments.remote(butai.environments.get("qa-1"))
    assert remote is not None
    assert remote.drop_empty_workspace("butai@here", now()) is False, "there is something in it"
    document = json.loads(in_bucket(s3, "qa-1"))
    remote.write(json.dumps({**document, "serial": document["serial"] + 1, "resources": []}).encode())
    with remote.held("aya@mac", "OperationTypePlan", now()), pytest.raises(RefusedError):
        remote.drop_empty_workspace("butai@here", now())
    assert KEY.format(name="qa-1") in keys(s3)
    assert remote.drop_empty_workspace("butai@here", now()) is True
    assert keys(s3) == set() and digests() == set() and made.end is RunEnd.SUCCEEDED


def test_a_workspace_that_the_team_has_already_is_not_taken(butai: Butai, s3: Any) -> None:
    held = {"mode": "managed", "type": "terraform_data", "name": "x", "instances": [{"attributes": {"id": "1"}}]}
    foreign = json.dumps({"version": 4, "serial": 1, "lineage": "theirs", "resources": [held]}).encode()
    s3.put_object(Bucket="team-states", Key=KEY.format(name="theirs"), Body=foreign)
    run = carry(butai, create(butai, "theirs"))
    assert run.end is RunEnd.FAILED_BEFORE_CHANGE and run.error and run.error["code"] == "state-address-taken"
    assert in_bucket(s3, "theirs") == foreign
    assert carry(butai, create(butai, "qa-1")).end is RunEnd.SUCCEEDED, "beside it there is room"
    with pytest.raises(WrongUseError, match="`default` is reserved"):
        create(butai, "default")


@again
def test_what_a_killed_engine_left_locked_is_released(butai: Butai, s3: Any) -> None:
    asked = create(butai, "qa-1", sleep_s="30")
    folder = RunFolder(butai.data.run(asked.id))
    with in_background(lambda: carry(butai, asked)):
        wait_for(lambda: has_begun(folder, "terraform_data.slow"), seconds=60, why="the slow one is begun")
        engine = folder.living_engine()
        assert engine is not None
        engine.kill()
    assert butai.runs.get(asked.id).end in (RunEnd.LOST, RunEnd.PARTIALLY_APPLIED)
    assert locks() == [] and not any(key.endswith(".tflock") for key in keys(s3))
    again = butai.environments.update("qa-1", UpdateRequest(variables={"sleep_s": "0"}), by="ken")
    assert carry(butai, again.run).end is RunEnd.SUCCEEDED


@again
def test_a_lock_that_a_person_took_is_seen_and_released_by_a_persons_word(butai: Butai, s3: Any) -> None:
    carry(butai, create(butai, "qa-1"))
    states, remote = butai.environment_states, butai.environments.remote(butai.environments.get("qa-1"))
    assert remote is not None
    with remote.held("aya@mac", "OperationTypePlan", now()):
        lock = states.report("qa-1").lock
        assert lock and (lock.who, lock.in_bucket) == ("aya@mac", True)
        refused = carry(butai, butai.environments.update("qa-1", UpdateRequest(), by="ken").run)
        assert refused.end is RunEnd.FAILED_BEFORE_CHANGE, "the engine meets the same lock"
        assert states.release("qa-1", ReleaseRequest(confirm="qa-1"), by="ken").lock is None
    assert keys(s3) == {KEY.format(name="qa-1")} and locks() == []


@again
def test_a_state_that_the_bucket_did_not_take_is_pushed_into_the_workspace_later(butai: Butai, s3: Any) -> None:
    asked = create(butai, "qa-1", sleep_s="3")
    folder = RunFolder(butai.data.run(asked.id))
    with in_background(lambda: carry(butai, asked)):
        wait_for(lambda: has_begun(folder, "terraform_data.slow"), seconds=60, why="the slow one is begun")
        for key in keys(s3):
            s3.delete_object(Bucket="team-states", Key=key)
        s3.delete_bucket(Bucket="team-states")
    assert butai.runs.get(asked.id).end is RunEnd.STATE_NOT_SAVED
    with pytest.raises(ButaiError):
        butai.environments.next("qa-1", by="ken")
    s3.create_bucket(Bucket="team-states")
    again = butai.environments.next("qa-1", by="ken").run
    assert len(summary(in_bucket(s3, "qa-1")).resources) == 2, "everything that was made is known"
    done = carry(butai, again)
    assert (done.end, done.done) == (RunEnd.SUCCEEDED, 0), "nothing is made a second time"


def test_what_came_up_all_the_same_is_kept_in_the_workspace(butai: Butai, s3: Any) -> None:
    failed = carry(butai, create(butai, "qa-1", exit_code="1"))
    assert failed.end is RunEnd.PARTIALLY_APPLIED
    kept = butai.environments.mend("qa-1", RunKind.UNTAINT, by="ken", mends={"address": "terraform_data.slow"}).run
    assert carry(butai, kept).end is RunEnd.SUCCEEDED
    assert not any(each.tainted for each in summary(in_bucket(s3, "qa-1")).resources)


@again
def test_an_orphan_is_deleted_in_the_same_workspace_of_a_state_of_its_own(butai: Butai, s3: Any) -> None:
    assert carry(butai, create(butai, "qa-1")).end is RunEnd.SUCCEEDED
    before = in_bucket(s3, "qa-1")
    orphan = {"address": "terraform_data.image", "type": "terraform_data", "id": "left", "begun_in": 1}
    asked = butai.environments.mend("qa-1", RunKind.DELETE_ORPHAN, by="ken", mends=orphan).run
    run = carry(butai, asked)
    assert (run.end, run.error, run.done) == (RunEnd.SUCCEEDED, None, 1)
    assert in_bucket(s3, "qa-1") == before and keys(s3) == {KEY.format(name="qa-1")}, "the environment's is untouched"
    assert (butai.data.run(run.id) / "orphan.tfstate.d" / "qa-1" / "terraform.tfstate").exists()


def test_one_that_was_made_before_its_blueprint_had_workspaces_never_gets_other_names(s3: Any, tmp_path: Path) -> None:
    team = TinyTeam(tmp_path / "team")
    butai = assemble(Settings(data=tmp_path / "data"))
    blueprint = butai.blueprints.add(str(team.infra.path))
    with butai.database.session() as session:
        workers.register(session, WORKER, slots=1, labels={}, now=now())
    assert carry(butai, create(butai, "old")).end is RunEnd.SUCCEEDED
    state = STATE.format(more="workspace_key_prefix: stages, use_lockfile: true")
    team.infra.commit(
        {"staging/butai.yaml": YAML + state, "staging/names.tf": 'output "n" { value = terraform.workspace }'}
    )
    butai.blueprints.refresh(blueprint.name)
    with pytest.raises(RefusedError) as caught:
        butai.environments.update("old", UpdateRequest(latest=True), by="ken")
    assert caught.value.code == "no-workspace"
    assert carry(butai, butai.environments.update("old", UpdateRequest(), by="ken").run).end is RunEnd.SUCCEEDED
    made = butai.environments.create(CreateRequest(name="qa-1", variables={}), by="mika").run
    assert carry(butai, made).end is RunEnd.SUCCEEDED
    assert keys(s3) == {"stages/qa-1/shop/terraform.tfstate"}
    outputs = {each.name: each.value for each in butai.environments.get("qa-1").outputs}
    assert outputs["n"] == "qa-1", "the variable and the workspace together"
    butai.database.close()
