"""What a deploy looks at before it changes anything: every problem in one list, and how many calls all of it takes."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from butai.aws.clients import Clients
from butai.deploys.carry import Deploying
from butai.deploys.task import Target, Task
from butai.deploys.verify import Verification
from butai.runs.model import RunEnd
from butai.runs.program import Stop
from support.deploying import Stage, stage_in
from support.localcloud_team import REGISTRY

SECRET = "arn:aws:ssm:ap-northeast-1:123456789012:parameter/needed/secret"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("verification")
    with stage_in(folder) as stage:
        yield stage


def counting(calls: Counter[str]) -> Clients:
    """Clients whose calls are counted."""
    session = boto3.Session(region_name="ap-northeast-1")

    def count(model: Any, **_: Any) -> None:
        calls[model.name] += 1

    session.events.register("before-call", count)
    return Clients(session)


def target(stage: Stage, name: str, **more: str) -> Target:
    """The service of an environment, with the second version."""
    image = f"{REGISTRY}/web:{stage.commits['two']}"
    fields: dict[str, Any] = {
        "name": "web",
        "address": "x.web",
        "cluster": "main",
        "service": name,
        "image": image,
        **more,
    }
    return Target(**fields)


def test_everything_that_is_wrong_comes_in_one_list(stage: Stage) -> None:
    ssm, iam = stage.cloud.client("ssm"), stage.cloud.client("iam")
    ssm.put_parameter(Name="/needed/secret", Value="x", Type="SecureString")
    stage.environment("wrong", secrets=[{"name": "SECRET", "valueFrom": SECRET}])
    ssm.delete_parameter(Name="/needed/secret")
    stage.cloud.client("logs").delete_log_group(logGroupName="/wrong")
    policy = iam.get_role(RoleName="task")["Role"]["AssumeRolePolicyDocument"]
    other = json.dumps(policy).replace("ecs-tasks", "lambda")
    iam.update_assume_role_policy(RoleName="task", PolicyDocument=other)
    run = stage.ask("wrong", "two")
    stage.change_image(run, lambda image: image[:-4])
    ended = stage.carry(run)
    iam.update_assume_role_policy(RoleName="task", PolicyDocument=json.dumps(policy))
    assert ended.end is RunEnd.FAILED_BEFORE_CHANGE
    assert ended.error is not None
    for words in (
        "web: there is no image web:",
        "There is no parameter `/needed/secret`.",
        "There is no log group `/wrong`: no task could start.",
        "ECS tasks may not take on the role `task`.",
    ):
        assert words in ended.error["what"] and words in stage.log(ended)
    assert stage.revisions("wrong") == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cluster": "nowhere"}, "There is no cluster `nowhere`."),
        ({"service": "nobody"}, "There is no ECS service `nobody` in `main`."),
        ({"image": f"{REGISTRY}/none:1"}, "There are none at all."),
        ({"image": f"{REGISTRY}/none@sha256:{'0' * 64}"}, "there is no image none:sha256:000"),
    ],
)
def test_what_is_not_there(stage: Stage, given: dict[str, str], words: str) -> None:
    if "plain" not in {each.name for each in stage.butai.environments.list()}:
        stage.environment("plain")
    found = Verification(counting(Counter()), [target(stage, "plain", **given)]).look()
    assert any(words in each for each in found.problems), found


def test_a_definition_that_fargate_does_not_take_or_whose_ports_do_not_fit(stage: Stage) -> None:
    stage.environment("sizes")
    ecs = stage.team.ecs
    arn = stage.team.described("sizes")["taskDefinition"]
    present = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    [container] = present["containerDefinitions"]
    told = {"containerDefinitions": [{**container, "portMappings": []}], "memory": "5000", "cpu": "256"}
    fixed = {key: present[key] for key in ("family", "requiresCompatibilities", "networkMode", "executionRoleArn")}
    other = ecs.register_task_definition(**fixed, **told)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster="main", service="sizes", taskDefinition=other, desiredCount=0)
    found = Verification(counting(Counter()), [target(stage, "sizes")]).look()
    assert found.problems == [
        "A target group wants port 80 of `web`, which it does not open.",
        "web: Fargate has no tasks of 256 CPU units and 5000 MiB.",
    ]


def test_what_the_newest_revision_names_counts_only_where_the_service_is_on_it(stage: Stage) -> None:
    stage.environment("older")
    present = stage.definition("older")
    [container] = present["containerDefinitions"]
    options = {**container["logConfiguration"]["options"], "awslogs-group": "/nowhere"}
    told = {"containerDefinitions": [{**container, "logConfiguration": {"logDriver": "awslogs", "options": options}}]}
    fixed = {key: present[key] for key in ("family", "requiresCompatibilities", "networkMode", "cpu", "memory")}
    newest = stage.team.ecs.register_task_definition(**fixed, **told)["taskDefinition"]["taskDefinitionArn"]
    targets = [target(stage, "older", family="older")]
    found = Verification(counting(Counter()), targets).look()
    assert found.problems == [] and found.present["web"].arn == present["taskDefinitionArn"]
    stage.team.ecs.update_service(cluster="main", service="older", taskDefinition=newest, desiredCount=0)
    found = Verification(counting(Counter()), targets).look()
    assert found.problems == ["There is no log group `/nowhere`: no task could start."]


def test_what_a_definition_names_is_looked_at_while_service_and_image_are_asked_for(stage: Stage) -> None:
    stage.environment("early")
    asked, late = (
        threading.Barrier(4, timeout=20),
        {"DescribeImages", "DescribeServices", "GetRole", "DescribeLogGroups"},
    )
    session = boto3.Session(region_name="ap-northeast-1")

    def meet(model: Any, **_: Any) -> None:
        if model.name in late:
            asked.wait()

    session.events.register("before-call", meet)
    assert Verification(Clients(session), [target(stage, "early", family="early")]).look().problems == []


def test_subnets_that_are_full(stage: Stage) -> None:
    ec2 = stage.cloud.client("ec2")
    subnet = ec2.create_subnet(VpcId=stage.team.vpc, CidrBlock="10.0.9.0/28")["Subnet"]["SubnetId"]
    stage.environment("full")
    network: Any = {"awsvpcConfiguration": {"subnets": [subnet]}}
    stage.team.ecs.update_service(cluster="main", service="full", networkConfiguration=network)
    assert Verification(counting(Counter()), [target(stage, "full")]).look().problems == []
    for _ in range(11):  # of sixteen addresses AWS keeps five
        ec2.create_network_interface(SubnetId=subnet)
    found = Verification(counting(Counter()), [target(stage, "full")]).look()
    assert found.problems == [f"The new tasks take 1 addresses, and 0 are free in {subnet}."]


def test_a_registry_that_cannot_be_asked_is_said_and_stops_nothing(stage: Stage) -> None:
    stage.environment("elsewhere")
    found = Verification(counting(Counter()), [target(stage, "elsewhere", image="ghcr.io/team/web:1")]).look()
    assert found.problems == []
    assert found.unseen == ["ghcr.io/team/web:1 is in no ECR registry: not looked at."]


def test_a_deploy_takes_few_calls(stage: Stage, tmp_path: Path) -> None:
    stage.environment("calls")
    before: Counter[str] = Counter()
    assert Verification(counting(before), [target(stage, "calls")]).look().problems == []
    assert before.total() <= 12
    calls: Counter[str] = Counter()
    task = Task("calls", [target(stage, "calls")], timeout_s=40)
    assert Deploying(task, tmp_path, counting(calls), Stop()).do() == 0
    own = calls - before
    del own["DescribeServices"]  # the polling
    assert own == {"RegisterTaskDefinition": 1, "UpdateService": 1}
