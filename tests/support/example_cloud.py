"""What the example's roots keep and what stands in the cloud for them, as the cloud's own API tells it."""

from __future__ import annotations

import json
from typing import Any

from support.cloud import Cloud
from support.comparing import Names
from support.engine import Engine

CLUSTER = "ivr-shared"

# Lent to an environment, told by one of its own, or of a moment.
_OWN = {"priority", "port", "address", "value", "insecure_value", "creation_time", "revision"}
_OWN |= {"running_tasks_count", "pending_tasks_count"}
_OWN |= {"Priority", "Port", "Address", "Value", "runningCount", "pendingCount", "events", "deployments"}


def kept_and_standing(engine: Engine, cloud: Cloud) -> dict[str, Any]:
    """An environment's state and what stands for it, by address and kind: without what is another's in another one."""
    environment, names = engine.folder.name, Names()
    state = json.loads((engine.folder / "terraform.tfstate").read_text())
    kept = names.state({"resources": _plain(state["resources"], environment)})["resources"]
    standing = names.told(_plain(_belongings(cloud, environment), environment), "cloud", unordered=True)
    return {**kept, **standing}


def _plain(value: Any, environment: str) -> Any:
    """A value without the environment's name and without what is lent to it."""
    if isinstance(value, dict):
        return {key: _plain(each, environment) for key, each in value.items() if key not in _OWN}
    if isinstance(value, list):
        return [_plain(each, environment) for each in value]
    if isinstance(value, str) and value.startswith("["):
        return _plain(json.loads(value), environment)
    return value.replace(environment, "NAME") if isinstance(value, str) else value


def _belongings(cloud: Cloud, environment: str) -> dict[str, Any]:
    """Everything that one environment made, by kind."""
    elb = cloud.client("elbv2")
    found = {
        **_of_ecs(cloud.client("ecs"), environment),
        "target groups": elb.describe_target_groups()["TargetGroups"],
        "listener rules": [one for arn in _listeners(elb) for one in elb.describe_rules(ListenerArn=arn)["Rules"]],
        "redis": cloud.client("elasticache").describe_cache_clusters(ShowCacheNodeInfo=True)["CacheClusters"],
        "log groups": cloud.client("logs").describe_log_groups()["logGroups"],
        "parameters": cloud.client("ssm").describe_parameters()["Parameters"],
    }
    mine = {kind: [one for one in each if environment in json.dumps(one, default=str)] for kind, each in found.items()}
    return {**mine, **_of_network(cloud.client("ec2"), environment)}


def _of_network(ec2: Any, environment: str) -> dict[str, Any]:
    """Its groups, and the rules of these and of others that let them in."""
    groups = [one for one in ec2.describe_security_groups()["SecurityGroups"] if environment in one["GroupName"]]
    ids = {one["GroupId"] for one in groups}
    rules = ec2.describe_security_group_rules()["SecurityGroupRules"]
    mine = [one for one in rules if {one["GroupId"], one.get("ReferencedGroupInfo", {}).get("GroupId")} & ids]
    return {"security groups": groups, "security group rules": mine}


def _of_ecs(ecs: Any, environment: str) -> dict[str, Any]:
    services = [arn for arn in ecs.list_services(cluster=CLUSTER)["serviceArns"] if environment in arn]
    definitions = ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
    return {
        "services": ecs.describe_services(cluster=CLUSTER, services=services)["services"],
        "definitions": [
            ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
            for arn in definitions
            if environment in arn
        ],
    }


def _listeners(elb: Any) -> list[str]:
    balancers = [one["LoadBalancerArn"] for one in elb.describe_load_balancers()["LoadBalancers"]]
    listed = [one for arn in balancers for one in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]]
    return [one["ListenerArn"] for one in listed]


def inventory(cloud: Cloud) -> dict[str, set[str]]:
    """What lies in the cloud, by type."""
    ecs, elb, ec2 = cloud.client("ecs"), cloud.client("elbv2"), cloud.client("ec2")
    active = ecs.describe_clusters(clusters=[CLUSTER])["clusters"]
    clusters = [one["clusterName"] for one in active]
    return {
        "clusters": {one["clusterName"] for one in active if one["status"] == "ACTIVE"},
        "services": {arn for name in clusters for arn in ecs.list_services(cluster=name)["serviceArns"]},
        "tasks": {arn for name in clusters for arn in ecs.list_tasks(cluster=name)["taskArns"]},
        "definitions": set(ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]),
        "groups": {one["TargetGroupName"] for one in elb.describe_target_groups()["TargetGroups"]},
        "balancers": {one["LoadBalancerName"] for one in elb.describe_load_balancers()["LoadBalancers"]},
        "rules": {one["RuleArn"] for arn in _listeners(elb) for one in elb.describe_rules(ListenerArn=arn)["Rules"]},
        "redis": {
            one["CacheClusterId"]
            for one in cloud.client("elasticache").describe_cache_clusters()["CacheClusters"]
            if one["CacheClusterStatus"] != "deleting"
        },
        "log groups": {one["logGroupName"] for one in cloud.client("logs").describe_log_groups()["logGroups"]},
        "parameters": {one["Name"] for one in cloud.client("ssm").describe_parameters()["Parameters"]},
        "security groups": {one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]},
        "databases": {
            one["DBInstanceIdentifier"] for one in cloud.client("rds").describe_db_instances()["DBInstances"]
        },
        "secrets": {one["Name"] for one in cloud.client("secretsmanager").list_secrets()["SecretList"]},
        "networks": {one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]},
        "subnets": {one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]},
        "roles": {one["RoleName"] for one in cloud.client("iam").list_roles()["Roles"]},
        "repositories": {one["repositoryName"] for one in cloud.client("ecr").describe_repositories()["repositories"]},
    }
