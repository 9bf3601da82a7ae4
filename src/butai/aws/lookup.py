"""Whether a thing that Terraform made still exists in AWS, by the type and the id that the event log shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

Look = Callable[[boto3.Session, str], bool]

# Codes with which AWS says "there is no such thing".
ABSENT = frozenset(
    {
        "CacheClusterNotFound",
        "CacheSubnetGroupNotFoundFault",
        "ClusterNotFoundException",
        "InvalidGroup.NotFound",
        "InvalidSecurityGroupRuleId.NotFound",
        "InvalidSubnetID.NotFound",
        "ListenerNotFound",
        "LoadBalancerNotFound",
        "NoSuchEntity",
        "ParameterNotFound",
        "ResourceNotFoundException",
        "RuleNotFound",
        "ServiceNotFoundException",
        "TargetGroupNotFound",
    }
)


def code_of(error: ClientError) -> str:
    """AWS's name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def exists(session: boto3.Session, type_: str, id_: str) -> bool | None:
    """Whether it exists; none when that cannot be told (unknown type, no id, AWS did not answer)."""
    look = _LOOKS.get(type_)
    if look is None or not id_:
        return None
    try:
        return look(session, id_)
    except ClientError as error:
        return False if code_of(error) in ABSENT else None
    except BotoCoreError:
        return None


def _service(session: boto3.Session, id_: str) -> bool:
    cluster, name = id_.split("/")[-2:]
    found = session.client("ecs").describe_services(cluster=cluster, services=[name])["services"]
    return any(each.get("status") != "INACTIVE" for each in found)


def _task_definition(session: boto3.Session, id_: str) -> bool:
    # The id is the family; a destroyed one leaves its revisions behind as INACTIVE, which hold and cost nothing.
    active = session.client("ecs").list_task_definitions(familyPrefix=id_, status="ACTIVE")["taskDefinitionArns"]
    return any(arn.rsplit("/", 1)[-1].rsplit(":", 1)[0] == id_ for arn in active)


def _log_group(session: boto3.Session, id_: str) -> bool:
    return has_log_group(session.client("logs"), id_)


def has_log_group(logs: Any, name: str) -> bool:
    """Whether CloudWatch Logs has the group."""
    groups: Any = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(group["logGroupName"] == name for group in groups)


def _rule(session: boto3.Session, id_: str) -> bool:
    return bool(session.client("elbv2").describe_rules(RuleArns=[id_])["Rules"])


def _target_group(session: boto3.Session, id_: str) -> bool:
    return bool(session.client("elbv2").describe_target_groups(TargetGroupArns=[id_])["TargetGroups"])


def _security_group(session: boto3.Session, id_: str) -> bool:
    return bool(session.client("ec2").describe_security_groups(GroupIds=[id_])["SecurityGroups"])


def _security_group_rule(session: boto3.Session, id_: str) -> bool:
    return bool(session.client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[id_])["SecurityGroupRules"])


def _subnet(session: boto3.Session, id_: str) -> bool:
    return bool(session.client("ec2").describe_subnets(SubnetIds=[id_])["Subnets"])


def _cache_cluster(session: boto3.Session, id_: str) -> bool:
    return bool(session.client("elasticache").describe_cache_clusters(CacheClusterId=id_)["CacheClusters"])


def _cache_subnet_group(session: boto3.Session, id_: str) -> bool:
    found = session.client("elasticache").describe_cache_subnet_groups(CacheSubnetGroupName=id_)
    return bool(found["CacheSubnetGroups"])


def _parameter(session: boto3.Session, id_: str) -> bool:
    return bool(session.client("ssm").get_parameter(Name=id_)["Parameter"])


def _role(session: boto3.Session, id_: str) -> bool:
    return bool(session.client("iam").get_role(RoleName=id_)["Role"])


_LOOKS: dict[str, Look] = {
    "aws_cloudwatch_log_group": _log_group,
    "aws_ecs_service": _service,
    "aws_ecs_task_definition": _task_definition,
    "aws_elasticache_cluster": _cache_cluster,
    "aws_elasticache_subnet_group": _cache_subnet_group,
    "aws_iam_role": _role,
    "aws_lb_listener_rule": _rule,
    "aws_lb_target_group": _target_group,
    "aws_security_group": _security_group,
    "aws_ssm_parameter": _parameter,
    "aws_subnet": _subnet,
    "aws_vpc_security_group_egress_rule": _security_group_rule,
    "aws_vpc_security_group_ingress_rule": _security_group_rule,
}
