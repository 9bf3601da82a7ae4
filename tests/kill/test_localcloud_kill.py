"""kill -9 of the local cloud at any moment: at most the last second is lost, and nothing is left behind."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from botocore.exceptions import BotoCoreError, ClientError
from redis.backoff import NoBackoff
from redis.retry import Retry

from butai.loopback import free_port
from support.carrying import wait_for
from support.cloud import Cloud
from support.processes import lives
from support.variants import again

LOST_S = 1.0  # the documented loss


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A running cloud."""
    cloud = Cloud(tmp_path)
    cloud.start()
    yield cloud
    cloud.close()


def connect(cloud: Cloud, name: str) -> Any:
    """A client of a cache, at the endpoint that the API reports."""
    answer = cloud.client("elasticache").describe_cache_clusters(CacheClusterId=name, ShowCacheNodeInfo=True)
    endpoint = answer["CacheClusters"][0]["CacheNodes"][0]["Endpoint"]
    return redis.Redis(endpoint["Address"], endpoint["Port"], protocol=2, retry=Retry(NoBackoff(), 0))


def populate(cloud: Cloud) -> None:
    """Something in every service that the cloud has."""
    ec2, elb, ecs, iam = (cloud.client(name) for name in ("ec2", "elbv2", "ecs", "iam"))
    tags = [{"Key": "Team", "Value": "ivr"}]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])["Vpc"]
    subnets = [
        ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"ap-northeast-1{zone}")
        for n, zone in enumerate("ac")
    ]
    ids = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc["VpcId"])["GroupId"]
    balancer = elb.create_load_balancer(Name="lb", Subnets=ids, SecurityGroups=[group], Tags=tags)["LoadBalancers"][0]
    target = elb.create_target_group(Name="tg", Protocol="HTTP", Port=80, VpcId=vpc["VpcId"], TargetType="ip")
    forward = [{"Type": "forward", "TargetGroupArn": target["TargetGroups"][0]["TargetGroupArn"]}]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Port=free_port(), Protocol="HTTP", DefaultActions=forward
    )
    ecs.create_cluster(clusterName="c", tags=[{"key": "Team", "value": "ivr"}])
    ecs.register_task_definition(family="f", containerDefinitions=[{"name": "w", "image": "w:main", "memory": 64}])
    ecs.create_service(cluster="c", serviceName="s", taskDefinition="f", desiredCount=0)
    iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}", Tags=tags)
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    cloud.client("logs").create_log_group(logGroupName="l", tags={"Team": "ivr"})
    cloud.client("ecr").create_repository(repositoryName="ee", tags=tags)
    cloud.client("ssm").put_parameter(Name="/p", Value="v", Type="SecureString", Tags=tags)
    cache = cloud.client("elasticache")
    cache.create_cache_subnet_group(CacheSubnetGroupName="sg", CacheSubnetGroupDescription="d", SubnetIds=ids)
    cache.create_cache_cluster(
        CacheClusterId="cc", CacheNodeType="cache.t4g.micro", Engine="redis", CacheSubnetGroupName="sg", Tags=tags
    )


def everything(cloud: Cloud) -> dict[str, Any]:
    """All that the cloud tells about what `populate` made."""
    ec2, elb, ecs, iam = (cloud.client(name) for name in ("ec2", "elbv2", "ecs", "iam"))
    cache, ssm = cloud.client("elasticache"), cloud.client("ssm")
    answers = {
        "vpcs": ec2.describe_vpcs(),
        "subnets": ec2.describe_subnets(),
        "groups": ec2.describe_security_groups(),
        "balancers": elb.describe_load_balancers(),
        "listeners": elb.describe_listeners(
            LoadBalancerArn=elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
        ),
        "targets": elb.describe_target_groups(),
        "clusters": ecs.describe_clusters(clusters=["c"], include=["TAGS"]),
        "definition": ecs.describe_task_definition(taskDefinition="f"),
        "role": iam.get_role(RoleName="r"),
        "policies": iam.list_attached_role_policies(RoleName="r"),
        "logs": cloud.client("logs").describe_log_groups(),
        "repositories": cloud.client("ecr").describe_repositories(),
        "parameter": ssm.get_parameter(Name="/p", WithDecryption=True),
        "caches": cache.describe_cache_clusters(ShowCacheNodeInfo=True),
        "cache groups": cache.describe_cache_subnet_groups(),
        "tagged": _tagged(cloud),
        "service": _lasting(ecs.describe_services(cluster="c", services=["s"])["services"][0]),
    }
    for answer in answers.values():
        answer.pop("ResponseMetadata", None)
    return answers


def _tagged(cloud: Cloud) -> dict[str, Any]:
    answer = cloud.client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "Team"}])
    return {resource["ResourceARN"]: resource["Tags"] for resource in answer["ResourceTagMappingList"]}


def _lasting(service: dict[str, Any]) -> dict[str, Any]:
    # The runner goes on telling: events and the roll-out are its own and may move on meanwhile.
    return {name: service[name] for name in ("serviceArn", "status", "desiredCount", "taskDefinition", "createdAt")}


def test_every_service_is_there_again_with_the_same_ids(cloud: Cloud) -> None:
    populate(cloud)
    connect(cloud, "cc").set("caller", "42")
    before = everything(cloud)
    time.sleep(LOST_S + 0.2)
    cloud.kill()
    cloud.start()
    assert everything(cloud) == before
    assert connect(cloud, "cc").get("caller") == b"42"
    cloud.client("ecs").update_service(cluster="c", service="s", desiredCount=0)  # and it can be worked with
    cloud.client("ecs").delete_service(cluster="c", service="s")
    cloud.client("elasticache").delete_cache_cluster(CacheClusterId="cc")
    cloud.client("elasticache").delete_cache_subnet_group(CacheSubnetGroupName="sg")
    cloud.stop()


@again
def test_a_clean_stop_loses_nothing(cloud: Cloud) -> None:
    populate(cloud)
    connect(cloud, "cc").set("caller", "42")
    before = everything(cloud)
    cloud.stop()
    cloud.start()
    assert everything(cloud) == before
    assert connect(cloud, "cc").get("caller") == b"42"
    cloud.stop()


class Writer(threading.Thread):
    """Writes parameters 0, 1, 2 ... until the cloud does not answer, and remembers when each was acknowledged."""

    def __init__(self, cloud: Cloud, start: int) -> None:
        super().__init__(daemon=True)
        self.ssm, self.next = cloud.client("ssm"), start
        self.acknowledged: list[tuple[int, float]] = []

    def run(self) -> None:
        while True:
            try:
                self.ssm.put_parameter(Name=f"/n/{self.next}", Value="x", Type="String")
            except (BotoCoreError, ClientError):
                return
            self.acknowledged.append((self.next, time.monotonic()))
            self.next += 1


def test_killed_at_any_moment_only_the_last_second_is_lost(cloud: Cloud) -> None:
    moments, begin = random.Random(4), 0
    for _ in range(5):
        writer = Writer(cloud, begin)
        writer.start()
        wait_for(lambda writer=writer: writer.acknowledged)  # type: ignore[misc]
        time.sleep(1.2 + moments.random())
        killed = time.monotonic()
        cloud.kill()
        writer.join(30)
        cloud.start()
        kept = _numbers(cloud)
        assert kept == list(range(len(kept)))  # a state that once was, not a torn one
        safe = [number for number, at in writer.acknowledged if at < killed - LOST_S]
        assert safe, "nothing was written early enough to tell"
        assert max(safe) < len(kept)
        begin = len(kept)
    cloud.stop()


def _numbers(cloud: Cloud) -> list[int]:
    pages = cloud.client("ssm").get_paginator("get_parameters_by_path").paginate(Path="/n")
    return sorted(int(parameter["Name"].rpartition("/")[2]) for page in pages for parameter in page["Parameters"])


def test_servers_of_a_killed_cloud_are_ended_before_new_ones_start(cloud: Cloud) -> None:
    cloud.client("elasticache").create_cache_cluster(
        CacheClusterId="cc", CacheNodeType="cache.t4g.micro", Engine="redis"
    )
    time.sleep(LOST_S)
    before = _children(cloud)
    cloud.kill()
    cloud.start()
    after = _children(cloud)
    assert not any(lives(pid) for pid in before)
    assert len(after) == len(before)
    cloud.stop()
    assert not any(lives(pid) for pid in after)


def _children(cloud: Cloud) -> list[int]:
    return [json.loads(path.read_text())["pid"] for path in (cloud.data / "children").glob("*.json")]


def test_without_an_installed_redis_the_data_survives_too(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("git", "env", "sh"):
        (tools / tool).symlink_to(shutil.which(tool, path=os.environ["PATH"]) or tool)
    cloud = Cloud(tmp_path, path=str(tools))
    try:
        cloud.start()
        cloud.client("elasticache").create_cache_cluster(
            CacheClusterId="cc", CacheNodeType="cache.t4g.micro", Engine="redis"
        )
        assert _children(cloud) == []  # it is fakeredis, in the process itself
        connect(cloud, "cc").rpush("calls", "1", "2")
        time.sleep(LOST_S + 0.2)
        cloud.kill()
        cloud.start()
        assert connect(cloud, "cc").lrange("calls", 0, -1) == [b"1", b"2"]
        connect(cloud, "cc").rpush("calls", "3")
        cloud.stop()
        cloud.start()
        assert connect(cloud, "cc").llen("calls") == 3
        cloud.stop()
    finally:
        cloud.close()
