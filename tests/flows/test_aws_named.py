"""Finding things by the name that a plan gave them, and whether they came up. Against moto's server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from butai.aws.complete import complete
from butai.aws.named import Found, can_find, find, import_id
from butai.aws.session import Access, session_for


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "test"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    httpx.post(f"http://{host}:{port}/moto-api/reset", trust_env=False, timeout=60).raise_for_status()
    yield session_for(Access("ap-northeast-1"))
    server.stop()


PLANNED: dict[str, dict[str, Any]] = {
    "aws_cloudwatch_log_group": {"name": "/qa-1/web"},
    "aws_ecs_service": {"name": "web", "cluster": "qa-1"},
    "aws_elasticache_cluster": {"cluster_id": "qa-1"},
    "aws_iam_role": {"name": "qa-1"},
    "aws_lb_target_group": {"name": "qa-1"},
    "aws_security_group": {"name": "qa-1"},
    "aws_ssm_parameter": {"name": "/qa-1/config"},
}


def make(aws: boto3.Session) -> dict[str, dict[str, Any]]:
    """One of each, and one beside it whose name begins alike; what a plan would say of them."""
    clients: dict[str, Any] = {
        name: aws.client(name) for name in ("ec2", "ecs", "elasticache", "elbv2", "iam", "logs", "ssm")
    }
    vpc = clients["ec2"].create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    for more in ("", "-2"):
        clients["logs"].create_log_group(logGroupName=f"/qa-1/web{more}")
        clients["elbv2"].create_target_group(Name=f"qa-1{more}", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
        clients["ec2"].create_security_group(GroupName=f"qa-1{more}", Description="x", VpcId=vpc)
    clients["ssm"].put_parameter(Name="/qa-1/config", Type="String", Value="x")
    clients["iam"].create_role(RoleName="qa-1", AssumeRolePolicyDocument="{}")
    clients["elasticache"].create_cache_cluster(
        CacheClusterId="qa-1", Engine="redis", CacheNodeType="cache.t4g.micro", NumCacheNodes=1
    )
    ecs = clients["ecs"]
    ecs.create_cluster(clusterName="qa-1")
    ecs.register_task_definition(family="web", containerDefinitions=[{"name": "x", "image": "x", "memory": 1}])
    ecs.create_service(cluster="qa-1", serviceName="web", taskDefinition="web", desiredCount=0)
    return {**PLANNED, "aws_security_group": {"name": "qa-1", "vpc_id": vpc}}


def test_what_has_the_planned_name_is_found_and_known_by_when_it_was_made(aws: boto3.Session) -> None:
    before = {type_: find(aws, type_, {**planned, "vpc_id": "vpc-1"}) for type_, planned in PLANNED.items()}
    assert before == dict.fromkeys(PLANNED, False), "nothing is there"
    found: dict[str, Any] = {type_: find(aws, type_, planned) for type_, planned in make(aws).items()}
    assert all(isinstance(each, Found) for each in found.values())
    dated = {type_ for type_, each in found.items() if each.made_at}
    # Of services AWS tells it too, moto does not.
    assert dated == set(PLANNED) - {"aws_lb_target_group", "aws_security_group", "aws_ecs_service"}
    now = datetime.now(UTC)
    assert all(abs(found[type_].made_at - now) < timedelta(minutes=5) for type_ in dated)
    assert found["aws_cloudwatch_log_group"].id == "/qa-1/web" and found["aws_security_group"].id.startswith("sg-")
    assert complete(aws, "aws_cloudwatch_log_group", "/qa-1/web") is True
    assert complete(aws, "aws_cloudwatch_log_group", "/qa-1/we") is False
    assert complete(aws, "aws_elasticache_cluster", "qa-1") is True
    assert complete(aws, "aws_elasticache_cluster", "qa-9") is False
    assert import_id(aws, "aws_ecs_service", found["aws_ecs_service"].id) == "qa-1/web"
    assert import_id(aws, "aws_ecs_task_definition", "web").endswith("task-definition/web:1")


def test_what_cannot_be_told_is_not_guessed(aws: boto3.Session) -> None:
    assert find(aws, "aws_ssm_parameter", {"name": None}) is None, "its name is not known before it is made"
    assert find(aws, "aws_security_group", {"name": "qa-1"}) is None, "a name says nothing without its VPC"
    assert find(aws, "terraform_data", {"name": "x"}) is None and not can_find("terraform_data")
