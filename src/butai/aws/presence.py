"""Whether what a task definition names is there: each look is one call, and reads no secret's value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from butai.aws.lookup import ABSENT, code_of

AT_ONCE = 50


def trust_policy(iam: Any, role: str) -> dict[str, Any] | None:
    """Who may take on a role; none where there is no such role."""
    try:
        policy: dict[str, Any] = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    except ClientError as error:
        if code_of(error) in ABSENT:
            return None
        raise
    return policy


def missing_parameters(ssm: Any, names: Iterable[str]) -> list[str]:
    """Those that are not in the parameter store. Their values are not asked for."""
    wanted = sorted(names)
    there: set[str] = set()
    for start in range(0, len(wanted), AT_ONCE):
        asked = [{"Key": "Name", "Option": "Equals", "Values": wanted[start : start + AT_ONCE]}]
        there |= {each["Name"] for each in ssm.describe_parameters(ParameterFilters=asked, MaxResults=50)["Parameters"]}
    return [each for each in wanted if each not in there]


def has_secret(secrets: Any, arn: str) -> bool:
    """Whether Secrets Manager has it."""
    try:
        found: dict[str, Any] = secrets.describe_secret(SecretId=arn)
    except ClientError as error:
        if code_of(error) in ABSENT:
            return False
        raise
    return "DeletedDate" not in found


def free_addresses(ec2: Any, subnets: Iterable[str]) -> int:
    """How many addresses are left in these subnets together."""
    found = ec2.describe_subnets(SubnetIds=sorted(subnets))["Subnets"]
    return sum(each["AvailableIpAddressCount"] for each in found)
