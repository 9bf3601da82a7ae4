"""Images that ECR's tags or a build on GitHub tell, deployed on the local cloud: found, waited for, or said to be missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from butai.deploys.service import DeployRequest
from butai.environments.service import ServiceChoice
from butai.runs.model import RunEnd
from support.deploying import YAML, Stage, stage_in
from support.github import TOKEN, GitHubs, running_github
from support.localcloud_team import REGISTRY, server, wait_for
from support.threads import in_background

HUB = "https://github.com/minato/"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubs]:
    with running_github() as hub:
        monkeypatch.setenv("GITHUB_API_URL", hub.url)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        yield hub


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in(tmp_path_factory.mktemp("images")) as stage, pytest.MonkeyPatch.context() as patch:
        # What is fetched from there lies on this machine.
        patch.setenv("GIT_CONFIG_COUNT", "1")
        patch.setenv("GIT_CONFIG_KEY_0", f"url.{stage.cloud.repositories}/.insteadOf")
        patch.setenv("GIT_CONFIG_VALUE_0", HUB)
        yield stage


def ruled(stage: Stage, rule: str, repository: str = "../web") -> None:
    yaml = YAML.replace(f'"{REGISTRY}/web:{{commit}}"', rule).replace("repository: ../web", f"repository: {repository}")
    stage.blueprint(yaml)
    stage.butai.blueprints.refresh("tiny")


def test_the_newest_tag_that_fits_is_deployed_and_kept(stage: Stage) -> None:
    ruled(stage, f'"{REGISTRY}/web:{{short_commit}}*"')
    stage.environment("tags")
    run = stage.deploy("tags", "two")
    image = f"{REGISTRY}/web:{stage.commits['two']}"
    assert run.end is RunEnd.SUCCEEDED and f"web: its image is {image}" in stage.log(run), stage.log(run)
    assert stage.team.get("tags").json()["version"] == "2"
    assert stage.butai.environments.get("tags").services[0].image == image
    assert stage.butai.runs.get(run.id).params["services"]["web"]["image"] == image


def test_a_missing_one_names_the_newest_tags(stage: Stage) -> None:
    ruled(stage, f'"{REGISTRY}/web:release-{{short_commit}}-*"')
    stage.environment("none")
    run = stage.deploy("none", "two")
    assert run.end is RunEnd.FAILED_BEFORE_CHANGE and run.error is not None
    assert "There is no image" in run.error["what"] and "The newest tags:" in run.error["what"]
    assert stage.team.get("none").json()["version"] == "1" and stage.revisions("none") == 1


def test_a_build_is_waited_for_and_what_it_wrote_is_deployed(stage: Stage, hub: GitHubs, tmp_path: Path) -> None:
    ruled(stage, f'"{REGISTRY}/web:{{artifact}}"\n    build: {{artifact: image, file: tag.txt}}', f"{HUB}web")
    stage.environment("built")
    refused = stage.deploy("built", "two")
    assert refused.end is RunEnd.FAILED_BEFORE_CHANGE and "No build of" in str(refused.error)
    commit = stage.commits["two"]
    going = hub.run(commit, "in_progress", None)
    wish = DeployRequest(services={"web": ServiceChoice(branch="two")}, wait_for_image_minutes=2)
    run = stage.butai.deploys.deploy("built", wish, by="mika").run
    with in_background(lambda: stage.carry(run)):
        wait_for(lambda: "Not built yet" in stage.log(run))
        hub.runs[going] |= {"status": "completed", "conclusion": "success"}
        hub.leave(going, "image", {"tag.txt": f"{commit}\n"})
    assert stage.butai.runs.get(run.id).end is RunEnd.SUCCEEDED, stage.log(run)
    assert stage.team.get("built").json()["version"] == "2"

    stage.branch(stage.web, "fails", server("3"))
    hub.run(stage.commits["fails"], "completed", "failure")
    given_up = stage.butai.deploys.deploy(
        "built", DeployRequest(services={"web": ServiceChoice(branch="fails")}, wait_for_image_minutes=2), by="mika"
    ).run
    ended = stage.carry(given_up)
    assert ended.end is RunEnd.FAILED_BEFORE_CHANGE and "has failed: https://github.com" in str(ended.error)


def test_a_github_that_refuses_is_a_word_and_no_traceback(
    stage: Stage, hub: GitHubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "of nobody")
    ruled(stage, f'"{REGISTRY}/web:{{artifact}}"\n    build: {{artifact: image, file: tag.txt}}', f"{HUB}web")
    stage.environment("refused")
    run = stage.deploy("refused", "two")
    assert run.end is RunEnd.FAILED_BEFORE_CHANGE and run.error is not None
    assert "GitHub refuses to tell about minato/web (404)" in run.error["what"] and "GITHUB_TOKEN" in run.error["what"]
    assert "Traceback" not in str(run.error) + stage.log(run)
