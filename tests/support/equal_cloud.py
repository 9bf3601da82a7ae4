"""What stands in a cloud, as its own API tells it: everything of the kinds that the roots of the comparison make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.moto_process import Moto

REGIONS = ("ap-northeast-1", "us-east-1")


class Looks:
    """Looks at one cloud."""

    def __init__(self, cloud: Moto) -> None:
        self._everywhere = {"iam": cloud.client("iam"), "s3": cloud.client("s3")}
        self._regional = {
            region: {service: cloud.client(service, region=region) for service in _REGIONAL} for region in REGIONS
        }

    def contents(self) -> dict[str, Any]:
        """By service; of services that are in each region, by region and service."""
        found: dict[str, Any] = {"iam": _iam(self._everywhere["iam"]), "s3": _s3(self._everywhere["s3"])}
        for region, clients in self._regional.items():
            found[region] = {service: look(clients[service]) for service, look in _REGIONAL.items()}
        return found


def _iam(iam: Any) -> dict[str, Any]:
    return {
        "policies": {each["PolicyName"]: _policy(iam, each) for each in iam.list_policies(Scope="Local")["Policies"]},
        "roles": {each["RoleName"]: _role(iam, each) for each in iam.list_roles()["Roles"]},
    }


def _policy(iam: Any, policy: dict[str, Any]) -> dict[str, Any]:
    version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
    return {**policy, "document": version["PolicyVersion"]["Document"]}


def _role(iam: Any, role: dict[str, Any]) -> dict[str, Any]:
    name = role["RoleName"]
    own = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return {
        **role,
        "own": {each: iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in own},
        "attached": iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"],
    }


def _s3(s3: Any) -> dict[str, Any]:
    names = [each["Name"] for each in s3.list_buckets()["Buckets"]]
    return {each: s3.list_objects_v2(Bucket=each).get("Contents", []) for each in names}


def _logs(logs: Any) -> dict[str, Any]:
    groups = logs.describe_log_groups()["logGroups"]
    return {
        each["logGroupName"]: {**each, "tags": logs.list_tags_log_group(logGroupName=each["logGroupName"])["tags"]}
        for each in groups
    }


def _ssm(ssm: Any) -> dict[str, Any]:
    return {each["Name"]: _parameter(ssm, each) for each in ssm.describe_parameters()["Parameters"]}


def _parameter(ssm: Any, parameter: dict[str, Any]) -> dict[str, Any]:
    name = parameter["Name"]
    return {
        **parameter,
        "value": ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"],
        "tags": ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"],
    }


def _secrets(secrets: Any) -> dict[str, Any]:
    return {
        each["Name"]: {**each, "value": secrets.get_secret_value(SecretId=each["Name"])["SecretString"]}
        for each in secrets.list_secrets()["SecretList"]
    }


def _kms(kms: Any) -> dict[str, Any]:
    """Without AWS's own aliases. A key that is to be deleted stands no more: none can go at once."""
    keys = [kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"] for each in kms.list_keys()["Keys"]]
    aliases = kms.list_aliases()["Aliases"]
    return {
        "aliases": [each for each in aliases if not each["AliasName"].startswith("alias/aws/")],
        "keys": [each for each in keys if each["KeyState"] != "PendingDeletion"],
    }


def _dynamodb(dynamodb: Any) -> dict[str, Any]:
    return {each: _table(dynamodb, each) for each in dynamodb.list_tables()["TableNames"]}


def _table(dynamodb: Any, name: str) -> dict[str, Any]:
    table = dynamodb.describe_table(TableName=name)["Table"]
    return {**table, "tags": dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]}


def _ecr(ecr: Any) -> dict[str, Any]:
    return {each["repositoryName"]: _repository(ecr, each) for each in ecr.describe_repositories()["repositories"]}


def _repository(ecr: Any, repository: dict[str, Any]) -> dict[str, Any]:
    tags = ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
    try:
        rules = ecr.get_lifecycle_policy(repositoryName=repository["repositoryName"])["lifecyclePolicyText"]
    except ecr.exceptions.LifecyclePolicyNotFoundException:
        rules = None
    return {**repository, "tags": tags, "lifecycle": rules}


def _ec2(ec2: Any) -> dict[str, Any]:
    return {
        "vpcs": ec2.describe_vpcs()["Vpcs"],
        "subnets": ec2.describe_subnets()["Subnets"],
        "route tables": ec2.describe_route_tables()["RouteTables"],
        "security groups": ec2.describe_security_groups()["SecurityGroups"],
        "rules": ec2.describe_security_group_rules()["SecurityGroupRules"],
    }


_REGIONAL: dict[str, Callable[[Any], dict[str, Any]]] = {
    "dynamodb": _dynamodb,
    "ec2": _ec2,
    "ecr": _ecr,
    "kms": _kms,
    "logs": _logs,
    "secretsmanager": _secrets,
    "ssm": _ssm,
}
