"""Sessions: region, and a profile or a role to act as. Endpoints and keys come from the worker's environment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from butai.aws.models import core_session
from butai.errors import ButaiError
from butai.text import text

ROLE_SESSION = "butai"
# What AWS lets every role have, also one that is taken on from another.
ROLE_LASTS = timedelta(hours=1)


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
        session = boto3.Session(region_name=access.region, botocore_session=core_session(access.profile))
        if not access.role:
            return session
        sts, lasts = session.client("sts"), int(ROLE_LASTS.total_seconds())
        asked = sts.assume_role(RoleArn=access.role, RoleSessionName=ROLE_SESSION, DurationSeconds=lasts)
        given = asked["Credentials"]
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
        botocore_session=core_session(),
    )


class EngineKeys:
    """Access as environment variables for engines.

    A role's credentials last an hour and are given out for half of that: runs with the same can share a provider, and
    every run has half an hour at least.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._taken: dict[Access, tuple[datetime, Mapping[str, str]]] = {}
        self._lock = threading.Lock()

    def variables(self, access: Access) -> dict[str, str]:
        """Region, profile or a role's credentials. Raises AccessError when the role cannot be taken on."""
        variables = {"AWS_REGION": access.region, "AWS_DEFAULT_REGION": access.region}
        if access.profile:
            variables["AWS_PROFILE"] = access.profile
        return {**variables, **self._keys(access)} if access.role else variables

    def _keys(self, access: Access) -> Mapping[str, str]:
        with self._lock:
            until, keys = self._taken.get(access, (None, {}))
            if until is None or self._now() >= until:
                until, keys = self._now() + ROLE_LASTS / 2, _keys_of(access)
                self._taken[access] = until, keys
            return keys


def _keys_of(access: Access) -> Mapping[str, str]:
    given = session_for(access).get_credentials()
    assert given is not None, "a role's session has credentials"
    frozen = given.get_frozen_credentials()
    return {
        "AWS_ACCESS_KEY_ID": str(frozen.access_key),
        "AWS_SECRET_ACCESS_KEY": str(frozen.secret_key),
        "AWS_SESSION_TOKEN": str(frozen.token),
    }
