"""Many deploys at once against an ECS that throttles: calls are repeated with backoff, nothing is lost and nothing done twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from butai.deploys.service import DeployRequest
from butai.environments.service import ServiceChoice
from butai.runs.model import RunEnd, RunStatus
from support.deploying import Stage, stage_in
from support.localcloud_team import REGISTRY
from support.rows import NOW, add_environment, add_run
from support.throttle import Throttle
from support.variants import again

SERVICES = ("web", "api", "worker")
ONE = f"""
  {{0}}:
    repository: ../web
    variable: {{0}}_image
    image: "{REGISTRY}/web:{{{{commit}}}}"
    ecs_service: output.{{0}}
"""
YAML = f"""\
version: 1
name: tiny
region: ap-northeast-1
environment_variable: environment
services:{"".join(ONE.format(each) for each in SERVICES)}
defaults: {{sleep_s: 0, port: 1, number: "1"}}
secrets: {{token: "env:TINY_TOKEN"}}
ready: {{timeout_s: 180}}
"""


MORE = "".join(
    [f'variable "{each}_image" {{ type = string }}\n' for each in SERVICES[1:]]
    + [f'output "{each}" {{ value = "" }}\n' for each in SERVICES]
)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path) as stage:
        stage.infra.commit({"staging/butai.yaml": YAML, "staging/more.tf": MORE}, "Three services")
        stage.butai.blueprints.refresh("tiny")
        yield stage


def environment(stage: Stage, name: str) -> None:
    """An environment with three services on the branch `one`, and Butai's side of it."""
    commit, image = stage.commits["one"], f"web:{stage.commits['one']}"
    for each in SERVICES:
        family = f"{name}-{each}"
        one = {"name": family, "image": f"{REGISTRY}/{image}"}
        made = stage.team.ecs.register_task_definition(
            family=family, containerDefinitions=[one], cpu="256", memory="512", requiresCompatibilities=["FARGATE"]
        )
        stage.team.service(family, made["taskDefinition"]["taskDefinitionArn"])
    version = {"branch": "one", "commit": commit, "image": f"{REGISTRY}/{image}", "default_branch": "main"}
    newest = stage.butai.blueprints.newest("tiny")
    told = {"ref": "main", "commit": newest, "services": dict.fromkeys(SERVICES, version), "variables": {}}
    key = add_environment(stage.butai.database, name, blueprint="tiny", urls={}, health="ready", outputs=[], **told)
    ended = {"status": RunStatus.ENDED, "end": RunEnd.SUCCEEDED, "settled_at": NOW, "ended_at": NOW}
    run = add_run(stage.butai.database, key, params={**told, "values": {}, "urls": {}}, **ended)
    arn = "arn:aws:ecs:ap-northeast-1:123456789012:service/main/"
    resources = [
        {"mode": "managed", "type": "aws_ecs_service", "name": each,
         "instances": [{"attributes": {"id": f"{arn}{name}-{each}"}}]}
        for each in SERVICES
    ]  # fmt: skip
    outputs = {each: {"value": f"{name}-{each}", "type": "string"} for each in SERVICES}
    document = {"version": 4, "serial": 1, "lineage": name, "terraform_version": "1.11.4"}
    content = json.dumps({**document, "resources": resources, "outputs": outputs}).encode()
    stage.butai.states.write(key, run, content, lock_id="")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("environments", [3, pytest.param(20, marks=again)])
def test_what_is_throttled_is_asked_again(stage: Stage, monkeypatch: pytest.MonkeyPatch, environments: int) -> None:
    names = [f"qa-{number}" for number in range(environments)]
    for name in names:
        environment(stage, name)
    throttle = Throttle(stage.cloud.endpoint, rate=4.5, burst=6)
    monkeypatch.setenv("AWS_ENDPOINT_URL", throttle.url)
    wish = DeployRequest(services={each: ServiceChoice(branch="two") for each in SERVICES})
    runs = [stage.butai.deploys.deploy(name, wish, by="mika").run for name in names]
    with ThreadPoolExecutor(environments) as pool:
        ended = list(pool.map(stage.carry, runs))
    throttle.close()
    assert sum(throttle.refused.values()) > environments, "it did throttle"
    assert [each.end for each in ended] == [RunEnd.SUCCEEDED] * environments, [
        stage.log(each)[-600:] for each in ended
    ][:3]
    assert throttle.passed["RegisterTaskDefinition"] == throttle.passed["UpdateService"] == 3 * environments
    for name in names:
        for each in SERVICES:
            [container] = stage.definition(f"{name}-{each}")["containerDefinitions"]
            assert container["image"].endswith(stage.commits["two"])
            assert stage.revisions(f"{name}-{each}") == 2
