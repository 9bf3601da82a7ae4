"""Deploys on the local cloud, from the wish to the end: the real program, real tasks, and no engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from butai.runs.model import RunEnd
from support.cloud import running_cloud
from support.deploying import Stage, point_at
from support.localcloud_team import wait_for


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One cloud for the whole file: every test has an environment of its own in it."""
    folder = tmp_path_factory.mktemp("deploys")
    with running_cloud(folder) as cloud, pytest.MonkeyPatch.context() as patch:
        point_at(cloud, patch)
        stage = Stage(cloud, folder)
        yield stage
        stage.butai.database.close()


def test_a_deploy_exchanges_the_image_and_nothing_else(stage: Stage) -> None:
    environment = stage.environment("plain")
    before = stage.definition("plain")
    run = stage.deploy("plain", "two")
    assert run.end is RunEnd.SUCCEEDED, stage.log(run)
    after = stage.definition("plain")
    assert stage.team.get("plain").json()["version"] == "2"
    [old], [new] = before["containerDefinitions"], after["containerDefinitions"]
    assert new["image"].endswith(f"web:{stage.commits['two']}")
    assert new["environment"] == [
        {"name": "APP_VERSION", "value": stage.commits["two"][:7]},
        {"name": "KEPT", "value": "plain"},
    ]
    same = {"image", "environment"}
    assert {key: each for key, each in old.items() if key not in same} == {
        key: each for key, each in new.items() if key not in same
    }
    own = {"containerDefinitions", "taskDefinitionArn", "revision", "registeredAt"}
    assert {key: each for key, each in before.items() if key not in own} == {
        key: each for key, each in after.items() if key not in own
    }
    assert (run.planned, run.done, run.failed) == (1, 1, 0)
    [service] = stage.butai.environments.by_id(environment).services
    assert (service.branch, service.commit) == ("two", stage.commits["two"])
    said = stage.log(run)
    assert "1 of 1 new tasks run" in said and "ECS: (service plain)" in said and "web runs" in said


def test_the_same_again_registers_nothing(stage: Stage) -> None:
    stage.environment("again")
    assert stage.deploy("again", "two").end is RunEnd.SUCCEEDED
    assert stage.deploy("again", "two").end is RunEnd.SUCCEEDED
    assert stage.revisions("again") == 2


def test_an_image_that_is_not_there_ends_it_before_any_change(stage: Stage) -> None:
    environment = stage.environment("missing")
    run = stage.ask("missing", "two")
    stage.change_image(run, lambda image: image[:-4])
    ended = stage.carry(run)
    assert ended.end is RunEnd.FAILED_BEFORE_CHANGE
    assert ended.error and "there is no image web:" in ended.error["what"]
    assert stage.commits["broken"][:12] in ended.error["what"], "the newest that exist"
    assert stage.revisions("missing") == 1
    assert stage.butai.environments.by_id(environment).services[0].branch == "one"
    wait_for(lambda: stage.team.get("missing").json()["version"] == "1")
