"""Rules of deploys: what is exchanged and what stays, Fargate's sizes, trust, and how a roll-out stands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.aws.awslogs import log_places, log_stream
from butai.aws.definition import exchange
from butai.aws.image import Image, parse_image, same_repository
from butai.aws.once import container_for
from butai.deploys.model import (
    RollOut,
    Stands,
    Version,
    addresses_wanted,
    fits_fargate,
    foreign_image,
    has_moving_tag,
    is_assumable,
    missing_architecture,
    needs_of,
    other_controller,
    roll_out,
    rolled_back_to,
    wants_fargate,
    wrong_ports,
)

pytestmark = pytest.mark.model

REGISTRY = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com"
WEB, NEW = f"{REGISTRY}/ivr-web:aaa", f"{REGISTRY}/ivr-web:bbb"
WORDS = st.text(alphabet="abcdefgh", min_size=1, max_size=6)
PAIRS = st.dictionaries(WORDS, WORDS, max_size=4)
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": WORDS, "image": st.sampled_from([WEB, NEW, f"{REGISTRY}/proxy:1", "redis:7"]), "environment": PAIRS},
        optional={"cpu": st.integers(0, 9), "secrets": st.just([{"name": "x", "valueFrom": "y"}])},
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda each: each["name"],
)


def pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


@given(CONTAINERS, PAIRS, st.dictionaries(WORDS, st.integers()))
def test_an_exchange_touches_the_image_and_declared_variables_alone(
    containers: list[dict[str, Any]], variables: dict[str, str], more: dict[str, Any]
) -> None:
    before = {
        **more,
        "containerDefinitions": [{**each, "environment": pairs(each["environment"])} for each in containers],
    }
    found = exchange(before, NEW, variables)
    after = found.definition
    assert {key: each for key, each in after.items() if key != "containerDefinitions"} == more
    for old, new in zip(before["containerDefinitions"], after["containerDefinitions"], strict=True):
        if old["name"] not in found.containers:
            assert new == old
            continue
        assert new["image"] == NEW
        assert {**new, "image": 0, "environment": 0} == {**old, "image": 0, "environment": 0}
        assert [each["name"] for each in new["environment"]] == [each["name"] for each in old["environment"]]
        for pair, was in zip(new["environment"], old["environment"], strict=True):
            assert pair["value"] == variables.get(pair["name"], was["value"])
    assert exchange(after, NEW, variables).definition == after, "once more changes nothing"
    chosen = {each["name"] for each in containers if each["image"] in (WEB, NEW)}
    assert set(found.containers) == (chosen or ({containers[0]["name"]} if len(containers) == 1 else set()))


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        (WEB, Image("ivr-web", "aaa", "123456789012", "ap-northeast-1")),
        (f"{REGISTRY}/team/web@sha256:1", Image("team/web", "sha256:1", "123456789012", "ap-northeast-1")),
        ("localhost:5000/web", Image("localhost:5000/web", "latest")),
        ("localhost:5000/web:1", Image("localhost:5000/web", "1")),
        ("redis:7@sha256:2", Image("redis", "sha256:2")),
    ],
)
def test_images_have_parts(image: str, parts: Image) -> None:
    assert parse_image(image) == parts
    assert parts.is_ecr == bool(parts.region)


def test_one_repository_is_the_same_in_one_registry_alone() -> None:
    assert same_repository(WEB, NEW)
    assert not same_repository(WEB, "ivr-web:aaa")


@pytest.mark.parametrize(
    ("cpu", "memory", "fits"),
    [
        *(("256", memory, True) for memory in ("512", "1024", "2048")),
        *(("256", "3072", False), ("512", "512", False), ("512", "4096", True), ("1024", "1536", False)),
        *(("4096", "30720", True), ("8192", "20480", True), ("8192", "17408", False), ("16384", "122880", True)),
        *(("300", "512", False), ("", "512", False), ("1 vCPU", "2 GB", False)),
    ],
)
def test_fargate_has_certain_sizes(cpu: str, memory: str, fits: bool) -> None:
    assert fits_fargate(cpu, memory) is fits


def test_who_runs_on_fargate() -> None:
    assert wants_fargate({"launchType": "FARGATE"}, {})
    assert wants_fargate({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}, {})
    assert wants_fargate({}, {"requiresCompatibilities": ["FARGATE"]})
    assert not wants_fargate({"launchType": "EC2"}, {"requiresCompatibilities": ["EC2", "FARGATE"]})


def statement(**more: Any) -> dict[str, Any]:
    fields = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {"Statement": [{**fields, **more}]}


@pytest.mark.parametrize(
    ("policy", "lets_in"),
    [
        (statement(), True),
        ({"Statement": statement()["Statement"][0]}, True),
        (statement(Principal={"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}), True),
        (statement(Action=["sts:AssumeRole", "sts:TagSession"]), True),
        (statement(Effect="Deny"), False),
        (statement(Principal={"Service": "ec2.amazonaws.com"}), False),
        (statement(Principal="*"), False),
        (statement(Principal={"AWS": "*"}), False),
        (statement(Action="sts:TagSession"), False),
        ({}, False),
    ],
)
def test_a_role_is_for_tasks_where_its_policy_says_so(policy: dict[str, Any], lets_in: bool) -> None:
    assert is_assumable(policy) is lets_in


def test_what_a_definition_needs() -> None:
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "/ivr", "awslogs-stream-prefix": "web"}}
    makes = {"logDriver": "awslogs", "options": {"awslogs-group": "/new", "awslogs-create-group": "true"}}
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"
    values = [
        *("arn:aws:ssm:eu-west-1:123456789012:parameter/ivr/qa-1/token", "plain"),
        *("arn:aws:ssm:eu-west-1:123456789012:parameter/flat", f"{secret}:password::"),
    ]
    definition = {
        "taskRoleArn": "arn:aws:iam::123456789012:role/path/task",
        "executionRoleArn": None,
        "containerDefinitions": [
            {"name": "web", "logConfiguration": logs, "secrets": [{"name": "a", "valueFrom": each} for each in values]},
            {"name": "side", "logConfiguration": makes},
            {"name": "other", "logConfiguration": {"logDriver": "splunk"}},
        ],
    }
    found = needs_of(definition)
    assert found.roles == {"task"}
    assert found.parameters == {"/ivr/qa-1/token", "plain", "flat"}
    assert found.secrets == {secret}
    assert found.log_groups == {"/ivr"}
    assert log_stream(definition, "web", "arn:aws:ecs:x:1:task/main/abc") == ("/ivr", "web/web/abc")
    assert log_stream(definition, "side", "abc") is None and log_stream(definition, "none", "abc") is None


def test_target_groups_want_a_container_and_a_port() -> None:
    definition = {"containerDefinitions": [{"name": "web", "portMappings": [{"containerPort": 80}]}, {"name": "side"}]}
    fits = {"loadBalancers": [{"containerName": "web", "containerPort": 80}]}
    assert wrong_ports(fits, definition) == [] == wrong_ports({}, definition)
    wrong = {
        "loadBalancers": [{"containerName": "web", "containerPort": 81}, {"containerName": "x", "containerPort": 80}]
    }
    assert len(wrong_ports(wrong, definition)) == 2


def test_who_else_may_roll_a_service_out() -> None:
    assert other_controller({"deploymentController": {"type": "CODE_DEPLOY"}}) == "CODE_DEPLOY"
    assert other_controller({"deploymentController": {"type": "ECS"}}) == "" == other_controller({})


def test_only_a_branch_s_tag_moves() -> None:
    assert has_moving_tag("web:{branch}")
    assert not has_moving_tag("web:{branch}-{short_commit}") and not has_moving_tag("web:{commit}")


def test_an_image_has_to_be_for_the_tasks_architecture() -> None:
    arm = {"runtimePlatform": {"cpuArchitecture": "ARM64"}}
    assert missing_architecture(arm, {"amd64"}) == "ARM64"
    assert missing_architecture({}, {"arm64"}) == "X86_64"
    assert missing_architecture(arm, {"amd64", "arm64"}) == "" == missing_architecture(arm, set())


def deployment(number: str, state: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "status": "PRIMARY", "rolloutState": state, "desiredCount": 2, "runningCount": 1, **more}


@pytest.mark.parametrize(
    ("deployments", "definition", "seen"),
    [
        ([deployment("new", "COMPLETED")], "r2", RollOut(Stands.COMPLETED, 1, 2)),
        ([deployment("new", "IN_PROGRESS"), deployment("old", "")], "r2", RollOut(Stands.GOES_ON, 1, 2, old=1)),
        ([deployment("new", "FAILED", failedTasks=3)], "r2", RollOut(Stands.FAILED, 1, 2, failed=3)),
        ([deployment("new", "COMPLETED", status="ACTIVE")], "r2", RollOut(Stands.GOES_ON, 1, 2)),
        ([deployment("new", "IN_PROGRESS")], "r3", RollOut(Stands.REPLACED, 1, 2)),
        ([deployment("other", "COMPLETED")], "r3", RollOut(Stands.REPLACED, old=1)),
        ([], "r2", RollOut(Stands.REPLACED)),
    ],
)
def test_how_a_roll_out_stands(deployments: list[dict[str, Any]], definition: str, seen: RollOut) -> None:
    assert roll_out({"deployments": deployments, "taskDefinition": definition}, "new", "r2") == seen


def version(run: int, image: str, good: bool = True) -> Version:
    return Version(run, image, image, image, good=good)


def test_a_roll_back_goes_to_the_newest_other_good_version() -> None:
    had = [version(5, "c"), version(4, "c"), version(3, "b", good=False), version(2, "a")]
    assert rolled_back_to(had) == had[3]
    assert rolled_back_to(had, 3) == had[2]
    assert rolled_back_to(had, 9) is None
    assert rolled_back_to([version(1, "a")]) is None is rolled_back_to([])


@given(st.lists(st.builds(version, st.integers(1, 99), st.sampled_from("abc"), st.booleans()), min_size=1))
def test_a_roll_back_never_goes_to_what_runs_or_to_what_failed(had: list[Version]) -> None:
    found = rolled_back_to(had)
    assert found is None or (found.good and found.image != had[0].image)
    assert (found is None) == all(not each.good or each.image == had[0].image for each in had[1:])


def test_where_the_lines_of_containers_are_looked_for() -> None:
    options = {"awslogs-group": "/ivr", "awslogs-stream-prefix": "web"}
    heard = {"name": "app", "logConfiguration": {"logDriver": "awslogs", "options": options}}
    unnamed = {"name": "proxy", "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ivr"}}}
    elsewhere = {"name": "agent", "logConfiguration": {"logDriver": "awsfirelens", "options": options}}
    definition = {"containerDefinitions": [heard, unnamed, elsewhere, {"name": "silent"}]}
    assert log_places(definition) == [("/ivr", "web/app/")]
    assert log_places({}) == []


@pytest.mark.parametrize(
    ("running", "known", "foreign"),
    [("r/web:2", "r/web:1", "r/web:2"), ("r/web:1", "r/web:1", ""), ("r/web:2", "", "")],
)
def test_what_was_not_put_there_by_butai_is_seen(running: str, known: str, foreign: str) -> None:
    beside = {"name": "proxy", "image": "r/proxy:9"}
    definition = {"containerDefinitions": [beside, {"name": "web", "image": running}]}
    assert foreign_image(definition, "r/web:3", known) == foreign


@pytest.mark.parametrize(
    ("desired", "maximum", "more"), [(2, None, 2), (2, 200, 2), (4, 150, 2), (1, 100, 0), (0, 200, 0), (3, 110, 0)]
)
def test_new_tasks_take_addresses_beside_the_old_ones(desired: int, maximum: int | None, more: int) -> None:
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"]}}
    service = {
        "desiredCount": desired,
        "networkConfiguration": network,
        "deploymentConfiguration": {"maximumPercent": maximum} if maximum else {},
    }
    assert addresses_wanted(service) == (frozenset({"subnet-1", "subnet-2"}), more)
    assert addresses_wanted({"desiredCount": desired}) == (frozenset(), desired)


def test_the_container_that_gets_a_command() -> None:
    both = {"containerDefinitions": [{"name": "app", "image": "r/web:1"}, {"name": "side", "image": "r/agent:1"}]}
    assert container_for(both, "r/web:{commit}") == "app"
    assert container_for(both, "r/web:2", "side") == "side"
    assert (
        container_for(both, "r/web:2", "gone") == container_for(both, "r/other:2") == container_for({}, "r/web:1") == ""
    )
    assert container_for({"containerDefinitions": [{"name": "app", "image": "x"}]}, "r/web:2") == "app", "the only one"
