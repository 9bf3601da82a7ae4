"""Sessions: region, and a profile or a role to act as. Endpoints and keys come from the worker's environment."""

from __future__ import annotations

from dataclasses import dataclass

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from butai.errors import ButaiError
from butai.text import text

ROLE_SESSION = "butai"


@dataclass(frozen=True)
class Access:
    """Where and as whom: a region, and at most one of a profile's name and a role's ARN."""

    region: str
    profile: str = ""
    role: str = ""


class AccessError(ButaiError):
    """AWS does not let us in as asked."""

    code = "aws-access"


def session_for(access: Access) -> boto3.Session:
    """A session with that access. Raises AccessError when the profile or role cannot be used."""
    try:
        session = boto3.Session(profile_name=access.profile or None, region_name=access.region)
        if not access.role:
            return session
        given = session.client("sts").assume_role(RoleArn=access.role, RoleSessionName=ROLE_SESSION)["Credentials"]
    except (BotoCoreError, ClientError) as error:
        profile = text("profile {profile}", profile=access.profile or "default")
        who = text("role {role}", role=access.role) if access.role else profile
        raise AccessError(
            text("AWS cannot be used as {who}.", who=who),
            why=str(error),
            next=text("Check the credentials of the worker's environment: `aws sts get-caller-identity`."),
        ) from error
    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name=access.region,
    )


def engine_variables(access: Access) -> dict[str, str]:
    """The same access as environment variables for an engine. A role's credentials last one hour."""
    variables = {"AWS_REGION": access.region, "AWS_DEFAULT_REGION": access.region}
    if access.profile:
        variables["AWS_PROFILE"] = access.profile
    if access.role:
        given = session_for(access).get_credentials()
        if given is not None:
            frozen = given.get_frozen_credentials()
            variables |= {
                "AWS_ACCESS_KEY_ID": str(frozen.access_key),
                "AWS_SECRET_ACCESS_KEY": str(frozen.secret_key),
                "AWS_SESSION_TOKEN": str(frozen.token),
            }
    return variables
