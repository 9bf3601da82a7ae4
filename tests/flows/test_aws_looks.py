"""What Butai asks AWS itself: whether a thing exists, whether services are steady, secrets, roles. Against moto's server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from butai.aws.ecs import ServiceRef, look, parse_service_arn
from butai.aws.http import answer_of
from butai.aws.lookup import exists
from butai.aws.session import Access, AccessError, EngineKeys, session_for
from butai.environments.secrets import read_secrets
from butai.errors import MissingPartError

REGION = "ap-northeast-1"
ACCESS = Access(REGION)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    # moto's things live in the process, not in the server.
    httpx.post(f"http://{host}:{port}/moto-api/reset", trust_env=False, timeout=60).raise_for_status()
    yield session_for(ACCESS)
    server.stop()


def make_things(aws: boto3.Session) -> dict[str, str]:
    """One of each type that can be looked up, by boto3; type -> id as Terraform keeps it."""
    ec2: Any = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    rule = ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    )["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    elb: Any = aws.client("elbv2")
    target = elb.create_target_group(Name="t", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
    balancer = elb.create_load_balancer(Name="b", Subnets=[subnet])["LoadBalancers"][0]["LoadBalancerArn"]
    arn = target["TargetGroups"][0]["TargetGroupArn"]
    action = [{"Type": "forward", "TargetGroupArn": arn}]
    listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=action)
    condition = [{"Field": "host-header", "Values": ["a.example"]}]
    listener_arn = listener["Listeners"][0]["ListenerArn"]
    listener_rule = elb.create_rule(ListenerArn=listener_arn, Priority=1, Conditions=condition, Actions=action)
    ecs: Any = aws.client("ecs")
    ecs.create_cluster(clusterName="c")
    container = [{"name": "x", "image": "x", "memory": 1}]
    ecs.register_task_definition(family="f", containerDefinitions=container)
    service = ecs.create_service(cluster="c", serviceName="s", taskDefinition="f", desiredCount=1)
    aws.client("logs").create_log_group(logGroupName="/l")
    aws.client("ssm").put_parameter(Name="/p", Value="v", Type="String")
    aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    cache: Any = aws.client("elasticache")
    cache.create_cache_subnet_group(CacheSubnetGroupName="cs", CacheSubnetGroupDescription="cs", SubnetIds=[subnet])
    cache.create_cache_cluster(
        CacheClusterId="cc", Engine="redis", EngineVersion="7.1", NumCacheNodes=1, CacheNodeType="cache.t4g.micro"
    )
    return {
        "aws_cloudwatch_log_group": "/l",
        "aws_ecs_service": service["service"]["serviceArn"],
        "aws_ecs_task_definition": "f",
        "aws_elasticache_cluster": "cc",
        "aws_elasticache_subnet_group": "cs",
        "aws_iam_role": "r",
        "aws_lb_listener_rule": listener_rule["Rules"][0]["RuleArn"],
        "aws_lb_target_group": arn,
        "aws_security_group": group,
        "aws_ssm_parameter": "/p",
        "aws_subnet": subnet,
        "aws_vpc_security_group_ingress_rule": rule,
    }


def test_what_exists_is_found_and_what_does_not_is_not(aws: boto3.Session) -> None:
    made = make_things(aws)
    assert {type_: exists(aws, type_, id_) for type_, id_ in made.items()} == dict.fromkeys(made, True)
    absent = {type_: f"{id_[:-1]}{'0' if id_[-1] != '0' else '1'}" for type_, id_ in made.items()}
    found = {type_: exists(aws, type_, id_) for type_, id_ in absent.items()}
    assert True not in found.values()
    assert sum(answer is False for answer in found.values()) >= 9, found


def test_what_cannot_be_told_is_said_to_be_unknown(aws: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert exists(aws, "aws_unheard_of", "x") is None
    assert exists(aws, "aws_subnet", "") is None
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert exists(session_for(ACCESS), "aws_ssm_parameter", "/p") is None


def test_a_service_is_steady_only_when_ecs_says_so(aws: boto3.Session) -> None:
    made = make_things(aws)
    service = parse_service_arn(made["aws_ecs_service"])
    assert service == ServiceRef("c", "s")
    known, unknown, nowhere = look(aws, [ServiceRef("c", "s"), ServiceRef("c", "none"), ServiceRef("none", "s")])
    assert known.desired == 1
    assert not unknown.steady and unknown.reason
    assert not nowhere.steady and nowhere.reason
    for text in ("", "x", "arn:aws:ecs:r:1:task/c/s", "arn:aws:s3:::b", "arn:aws:ecs:r:1:service/only-name"):
        assert parse_service_arn(text) is None


def test_secrets_are_read_by_reference_and_never_quoted(aws: boto3.Session) -> None:
    aws.client("ssm").put_parameter(Name="/ivr/key", Value="hunter2", Type="SecureString")
    environ = {"BUTAI_SECRET_TOKEN": "t0ken", "AWS_SECRET_ACCESS_KEY": "never"}
    found = read_secrets({"key": "ssm:/ivr/key", "token": "env:TOKEN"}, ACCESS, environ)
    assert found == {"TF_VAR_key": "hunter2", "TF_VAR_token": "t0ken"}
    for reference in ("ssm:/ivr/none", "env:NONE", "env:AWS_SECRET_ACCESS_KEY"):
        with pytest.raises(MissingPartError) as caught:
            read_secrets({"key": reference}, ACCESS, environ)
        assert reference in caught.value.what and "never" not in str(caught.value)


def test_a_role_is_taken_on_and_a_wrong_profile_is_said(aws: boto3.Session) -> None:
    role = "arn:aws:iam::123456789012:role/staging"
    keys = EngineKeys(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    given = keys.variables(Access(REGION, role=role))
    assert given["AWS_SESSION_TOKEN"] and given["AWS_ACCESS_KEY_ID"] != "test"
    assert keys.variables(ACCESS) == {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
    with pytest.raises(AccessError, match="profile nobody"):
        session_for(Access(REGION, profile="nobody"))


def test_a_roles_credentials_serve_many_runs_and_are_renewed_long_before_they_expire(aws: boto3.Session) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    keys = EngineKeys(lambda: at)
    one, other = (Access(REGION, role=f"arn:aws:iam::123456789012:role/{name}") for name in ("staging", "other"))
    first = keys.variables(one)
    assert keys.variables(one) == first != keys.variables(other)
    at += timedelta(minutes=29)
    assert keys.variables(one) == first
    at += timedelta(minutes=1)
    renewed = keys.variables(one)
    assert renewed["AWS_SESSION_TOKEN"] != first["AWS_SESSION_TOKEN"]
    assert renewed["AWS_ACCESS_KEY_ID"] != first["AWS_ACCESS_KEY_ID"]


def test_nobody_answers_at_a_closed_port() -> None:
    assert answer_of("http://qa-1.ivr.localhost:1/") is None
