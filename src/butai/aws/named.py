"""Finding a thing in AWS by the name that a plan gave it: for creations that were begun and whose end nobody saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from butai.aws.lookup import ABSENT, code_of

Planned = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """A thing with that name. `made_at`: when, where AWS tells; then it is known whose it is."""

    id: str
    made_at: datetime | None = None


Find = Callable[[boto3.Session, Planned], Found | None]


def find(session: boto3.Session, type_: str, planned: Planned) -> Found | Literal[False] | None:
    """What has the planned name; False when nothing has; none when that cannot be told."""
    look, needed = _FINDS.get(type_, (None, ()))
    if look is None or any(not isinstance(planned.get(name), str) or not planned[name] for name in needed):
        return None
    try:
        return look(session, planned) or False
    except ClientError as error:
        return False if code_of(error) in ABSENT else None
    except BotoCoreError:
        return None


def can_find(type_: str) -> bool:
    """Whether things of this type have a name by which they can be found."""
    return type_ in _FINDS


def import_id(session: boto3.Session, type_: str, id_: str) -> str:
    """What `import` wants for this id: the id itself but for a few types."""
    if type_ == "aws_ecs_service":
        return "/".join(id_.split("/")[-2:])
    if type_ == "aws_ecs_task_definition" and not id_.startswith("arn:"):
        # The id is the family; the import wants one revision of it.
        ecs = session.client("ecs")
        return str(ecs.describe_task_definition(taskDefinition=id_)["taskDefinition"]["taskDefinitionArn"])
    return id_


def _log_group(session: boto3.Session, planned: Planned) -> Found | None:
    name = planned["name"]
    groups: Any = session.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    for group in groups:
        if group["logGroupName"] == name:
            return Found(name, datetime.fromtimestamp(group["creationTime"] / 1000, UTC))
    return None


def _parameter(session: boto3.Session, planned: Planned) -> Found | None:
    found: Any = session.client("ssm").get_parameter(Name=planned["name"])["Parameter"]
    # Only the first version's date is that of its making.
    return Found(planned["name"], found["LastModifiedDate"] if found.get("Version") == 1 else None)


def _service(session: boto3.Session, planned: Planned) -> Found | None:
    asked = {"cluster": planned["cluster"], "services": [planned["name"]]}
    for service in session.client("ecs").describe_services(**asked)["services"]:
        if service["status"] != "INACTIVE":
            return Found(service["serviceArn"], service.get("createdAt"))
    return None


def _cache_cluster(session: boto3.Session, planned: Planned) -> Found | None:
    id_ = planned["cluster_id"]
    found = session.client("elasticache").describe_cache_clusters(CacheClusterId=id_)["CacheClusters"]
    return Found(id_, found[0].get("CacheClusterCreateTime")) if found else None


def _role(session: boto3.Session, planned: Planned) -> Found | None:
    return Found(planned["name"], session.client("iam").get_role(RoleName=planned["name"])["Role"]["CreateDate"])


def _target_group(session: boto3.Session, planned: Planned) -> Found | None:
    found = session.client("elbv2").describe_target_groups(Names=[planned["name"]])["TargetGroups"]
    return Found(found[0]["TargetGroupArn"]) if found else None


def _security_group(session: boto3.Session, planned: Planned) -> Found | None:
    filters: Any = [
        {"Name": "group-name", "Values": [planned["name"]]},
        {"Name": "vpc-id", "Values": [planned["vpc_id"]]},
    ]
    found = session.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
    return Found(found[0]["GroupId"]) if found else None


_FINDS: dict[str, tuple[Find, tuple[str, ...]]] = {
    "aws_cloudwatch_log_group": (_log_group, ("name",)),
    "aws_ecs_service": (_service, ("cluster", "name")),
    "aws_elasticache_cluster": (_cache_cluster, ("cluster_id",)),
    "aws_iam_role": (_role, ("name",)),
    "aws_lb_target_group": (_target_group, ("name",)),
    "aws_security_group": (_security_group, ("name", "vpc_id")),
    "aws_ssm_parameter": (_parameter, ("name",)),
}
