"""An environment that was made elsewhere: seen, deployed to, held, compared and followed; never planned, changed or locked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from butai.deploys.service import RollBackRequest
from butai.environments.adoption import AdoptRequest, TakeOverRequest
from butai.environments.holding import HoldRequest
from butai.environments.model import Kind
from butai.environments.service import DestroyRequest, EnvironmentView, UpdateRequest
from butai.environments.state_views import ImportRequest
from butai.environments.state_views import RollBackRequest as StateRollBack
from butai.errors import ButaiError, RefusedError
from butai.runs.model import RunEnd, RunKind, RunStatus
from butai.runs.service import RunView
from support.deploying import Stage, stage_in, state_of
from support.localcloud_team import wait_for
from support.tiny_team import Server
from support.variants import again

BUCKET, KEY = "team-states", "old/staging.tfstate"
PLACE = f"s3://{BUCKET}/{KEY}"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A cloud with a service that somebody else's Terraform made, and an engine that writes down that it was started."""
    folder = tmp_path_factory.mktemp("adopt")
    with stage_in(folder) as stage, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{recorders(folder)}{os.pathsep}{os.environ['PATH']}")
        stage.service("staging")
        # The local cloud has no S3.
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
        s3().create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
        s3().put_object(Bucket=BUCKET, Key=KEY, Body=state_of("staging"))
        yield stage
        httpx.post(f"http://{host}:{port}/moto-api/reset", timeout=60).raise_for_status()
        server.stop()
        assert not (folder / "started").exists(), "no engine was ever started"


def s3() -> Any:
    """A client."""
    return boto3.client("s3", region_name="ap-northeast-1")


def recorders(folder: Path) -> Path:
    """A folder with engines that only write down that they were started."""
    programs = folder / "programs"
    programs.mkdir()
    for name in ("terraform", "tofu"):
        program = programs / name
        program.write_text(f'#!/bin/sh\necho "$@" >> {folder / "started"}\nexit 1\n')
        program.chmod(0o755)
    return programs


def adopt(stage: Stage, name: str = "staging", **more: Any) -> EnvironmentView:
    """Adopt and look; as it is then."""
    started = stage.butai.adoption.adopt(AdoptRequest(name=name, **{"state": PLACE, **more}), by="aya")
    stage.carry(started.run)
    return stage.butai.environments.by_id(started.environment.id)


def in_bucket() -> list[tuple[str, str]]:
    """What lies in the bucket, with its digest: a lock file would be there too."""
    found = s3().list_objects_v2(Bucket=BUCKET)
    return [(each["Key"], each["ETag"]) for each in found["Contents"]]


@pytest.fixture
def staging(stage: Stage) -> Iterator[EnvironmentView]:
    """Adopted, and forgotten afterwards."""
    before = in_bucket()
    shown = adopt(stage)
    assert shown.last_run.end is RunEnd.SUCCEEDED, stage.log(shown.last_run)
    yield shown
    assert in_bucket() == before, "nothing was ever written there"
    stage.butai.adoption.forget("staging", by="aya")


def test_what_runs_there_is_seen(stage: Stage, staging: EnvironmentView) -> None:
    [web] = staging.services
    assert (web.name, web.branch, web.commit) == ("web", "one", stage.commits["one"])
    assert (staging.state.kind, staging.state.word) == (Kind.UP, "Up")
    assert staging.adopted is not None and staging.adopted.state == PLACE
    assert (staging.engine, staging.behind, staging.leases, staging.drift) == ("", None, {}, None)
    assert [each.name for each in staging.outputs] == ["web_service"]
    said = stage.log(staging.last_run)
    assert "The state has 1 resources." in said and "runs as `staging` in `main`" in said
    assert stage.butai.environment_states.report("staging").total == 1, "a version of its state is kept"


def test_it_is_deployed_to_and_goes_back_to_what_ran_before(stage: Stage, staging: EnvironmentView) -> None:
    run = stage.deploy("staging", "two")
    assert run.end is RunEnd.SUCCEEDED, stage.log(run)
    assert stage.team.get("staging").json()["version"] == "2"
    [web] = stage.butai.environments.get("staging").services
    assert web.branch == "two"
    s3().put_object(Bucket=BUCKET, Key=KEY, Body=state_of("staging"))
    looked = stage.butai.environments.look_again("staging", by="aya")
    assert stage.carry(looked.run).end is RunEnd.SUCCEEDED
    assert [each.branch for each in stage.butai.environments.get("staging").services] == ["two"]
    told = [(each.run, each.kind, each.branch) for each in stage.butai.deploys.history("staging")]
    assert told == [(run.id, RunKind.DEPLOY, "two"), (staging.last_run.id, RunKind.LOOK, "one")]
    back = stage.butai.deploys.roll_back("staging", RollBackRequest(service="web"), by="mika").run
    assert stage.carry(back).end is RunEnd.SUCCEEDED
    assert stage.team.get("staging").json()["version"] == "1"
    assert stage.butai.environments.by_id(staging.id).services[0].branch == "one"


def test_nothing_that_needs_an_engine_is_ever_done(stage: Stage, staging: EnvironmentView) -> None:
    environments, states = stage.butai.environments, stage.butai.environment_states
    refused: list[Callable[[], Any]] = [
        lambda: environments.update("staging", UpdateRequest(latest=True), by="aya"),
        lambda: environments.destroy("staging", DestroyRequest(confirm="staging"), by="aya"),
        lambda: environments.check("staging", by="aya"),
        lambda: environments.check("staging", by="aya", preview=UpdateRequest()),
        lambda: environments.check("staging", by="aya", kind=RunKind.ENGINE_CHECK),
        lambda: environments.mend("staging", RunKind.UNTAINT, by="aya"),
        lambda: states.roll_back("staging", StateRollBack(version=1, confirm="staging"), by="aya"),
        lambda: states.import_(
            "staging", ImportRequest(document=state_of("staging", 9).decode(), confirm="staging"), by="aya"
        ),
    ]
    for each in refused:
        with pytest.raises(RefusedError, match="made elsewhere") as error:
            each()
        assert error.value.code == "adopted" and "take-over staging" in error.value.next
    with pytest.raises(ButaiError):
        stage.butai.rollouts.plan("", "main", by="aya")
    runs = stage.butai.runs.of_environment(staging.id)
    assert {each.kind for each in runs} == {RunKind.LOOK}


def test_it_is_held_and_compared_and_its_logs_are_read(stage: Stage, staging: EnvironmentView) -> None:
    stage.environment("qa-5", branch="two")
    found = stage.butai.deploys.compare("staging", "qa-5")
    assert "web" in found.model_dump_json()
    stage.butai.holding.hold("staging", HoldRequest(reason="a test", until="2h"), by="ken")
    with pytest.raises(RefusedError, match="ken"):
        stage.ask("staging", "two")
    with pytest.raises(RefusedError, match="ken"):
        stage.butai.adoption.forget("staging", by="aya")
    stage.butai.holding.release("staging", by="ken")
    lines = stage.butai.service_logs.newest("staging", "web", minutes=60, most=50)
    assert lines is not None
    report = stage.butai.deploys.report("staging", portal="http://127.0.0.1")
    assert [each.branch for each in report.services] == [each.branch for each in staging.services]
    assert "staging" in report.markdown


@again
def test_without_a_state_services_are_found_by_their_images(stage: Stage) -> None:
    stage.service("legacy")
    two = stage.butai.adoption.adopt(AdoptRequest(name="legacy", cluster="main"), by="aya")
    assert stage.carry(two.run).end is RunEnd.FAILED_BEFORE_CHANGE
    shown = stage.butai.environments.get("legacy")
    assert shown.state.word == "Not seen" and shown.last_run.error is not None
    assert "--service web=NAME" in shown.last_run.error["why"]
    found = adopt(stage, "legacy", state="", cluster="main", services={"web": "legacy"})
    assert found.id == shown.id, "what was said wrongly is said anew"
    assert found.state.word == "Up" and [each.branch for each in found.services] == ["one"]
    assert stage.deploy("legacy", "two").end is RunEnd.SUCCEEDED
    stage.butai.adoption.forget("legacy", by="aya")
    assert stage.butai.environments.by_id(found.id).state.word == "Forgotten"
    assert stage.team.get("legacy").json()["version"] == "2", "it stays as it is"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"state": "team-states/key"}, "bad-state-address"),
        ({"state": "", "cluster": ""}, "nowhere"),
        ({"services": {"wbe": "x"}}, "unknown-service"),
        ({"name": "Staging!"}, "bad-name"),
    ],
)
def test_what_is_said_wrongly_is_refused_at_once(stage: Stage, given: dict[str, Any], code: str) -> None:
    with pytest.raises(ButaiError) as error:
        stage.butai.adoption.adopt(AdoptRequest(**{"name": "wrong", "state": PLACE, **given}), by="aya")
    assert error.value.code == code
    assert "wrong" not in [each.name for each in stage.butai.environments.list()]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"state": f"s3://{BUCKET}/nothing/here"}, "no state"),
        ({"state": "s3://no-such-bucket-at-all/x"}, "bucket"),
        ({"state": "", "cluster": "nowhere"}, "no cluster"),
        ({"services": {"web": "main/gone"}}, "no ECS service"),
    ],
)
def test_what_cannot_be_seen_is_said_by_the_run(stage: Stage, given: dict[str, Any], says: str) -> None:
    shown = adopt(stage, "unseen", **given)
    assert shown.last_run.end is RunEnd.FAILED_BEFORE_CHANGE
    error = shown.last_run.error
    assert error is not None and says in f"{error['what']} {error['why']}"
    stage.butai.adoption.forget("unseen", by="aya")


def test_a_state_belongs_to_one_environment(stage: Stage, staging: EnvironmentView) -> None:
    with pytest.raises(RefusedError, match="of `staging` lies at"):
        adopt(stage, "other")
    assert [each.name for each in stage.butai.environments.list() if each.name == "other"] == []


def test_by_the_command_line(stage: Stage) -> None:
    server = Server(stage.butai.settings, stage.folder / "server.log")
    server.start()
    try:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(server.butai, "adopt", "old", "--state", PLACE, "--purpose", "Trials")
            wait_for(lambda: queued(stage, "old"))
            stage.carry(queued(stage, "old")[0])
            done = asked.result()
        assert done.returncode == 0, done.stderr
        assert "old: Up" in done.stderr
        assert f"adopted    {PLACE}, main/staging" in server.butai("env", "show", "old").stdout
        table = server.butai("deploys").stdout
        assert "old" in table and stage.commits["one"][:7] in table
        refused = server.butai("env", "update", "old")
        assert refused.returncode == 3 and "butai take-over old" in refused.stderr
        untyped = server.butai("take-over", "old")
        assert untyped.returncode in (2, 3), untyped.stderr
        gone = server.butai("forget", "old")
        assert gone.returncode == 0 and "Nothing was changed where it runs." in gone.stderr
    finally:
        assert server.end() == 0


def queued(stage: Stage, name: str) -> list[RunView]:
    """Runs of an environment that wait."""
    shown = [each for each in stage.butai.environments.list() if each.name == name]
    return [each.last_run for each in shown if each.last_run.status is RunStatus.QUEUED]


def test_a_take_over_wants_its_owner_its_name_and_its_lock(stage: Stage, staging: EnvironmentView) -> None:
    adoption = stage.butai.adoption
    for by, confirm, code in (
        ("ken", "staging", "not-the-owner"),
        ("aya", "", "confirm-name"),
        ("aya", "staging", "no-lock"),
    ):
        with pytest.raises(ButaiError) as error:
            adoption.take_over("staging", TakeOverRequest(confirm=confirm), by=by)
        assert error.value.code == code
    assert stage.butai.environments.get("staging").adopted is not None
