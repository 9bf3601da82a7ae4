"""Clients of AWS for one program: made by one thread, since making them is not safe for several; used by many."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from butai.aws.models import core_session

# A call that is throttled or cut off is repeated with longer and longer waits.
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 10})
# Of so many kinds of access a process keeps the clients. Megabytes each.
ACCESSES = 8
Access = tuple[frozenset[tuple[str, str]], tuple[int, ...]]
FILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
_PAGE = re.compile(rb"\s*<(!doctype\s+html|html)\b", re.IGNORECASE)


class NotAwsError(BotoCoreError):
    """A web page came instead of an answer of AWS: a proxy on the way refused, or asks for a login."""

    fmt = "A web page came instead of an answer of AWS (HTTP {status}): something between here and AWS gave it."


def read_descriptions(services: Sequence[str]) -> None:
    """Read the descriptions of these APIs: clients that this process or a fork of it makes later find them read."""
    session = boto3.Session("none", "none", botocore_session=core_session())
    clients = Clients(session)
    for each in services:
        clients(each, "us-east-1")


def own_clients() -> Clients:
    """Clients with the access of this process's environment: the same ones, also in forks, for as long as it is the same."""
    return _clients_as(_access())


@lru_cache(maxsize=ACCESSES)
def _clients_as(_access: Access) -> Clients:
    return Clients(boto3.Session(botocore_session=core_session()))


def _access() -> Access:
    """All that a client's access may come from: variables, and AWS's two files as they are now."""
    told = {name: value for name, value in os.environ.items() if not name.startswith(("BUTAI_", "TF_"))}
    files = (told.get(name) or default for name, default in FILES.items())
    return frozenset(told.items()), tuple(_changed(each) for each in files)


def _changed(file: str) -> int:
    try:
        return Path(file).expanduser().stat().st_mtime_ns
    except (OSError, RuntimeError):
        # It is not there, or whose home it would be in is not known.
        return 0


class Clients:
    """Made when they are first asked for."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session
        self._made: dict[tuple[str, str], Any] = {}

    def __call__(self, service: str, region: str = "") -> Any:
        """The client of a service."""
        key = service, region
        if key not in self._made:
            made: Any = self._session.client  # stubs know a list of names, and no plain string
            client = made(service, region_name=region or None, config=_CONFIG)
            client.meta.events.register("before-parse", _refuse_page)
            self._made[key] = client
        return self._made[key]


def _refuse_page(response_dict: Mapping[str, Any], **_: Any) -> None:
    """Services that speak JSON take a page for an answer with nothing in it. What a server's own fault gives is asked again."""
    status, body = response_dict["status_code"], response_dict["body"]
    if status < 500 and isinstance(body, bytes) and _PAGE.match(body):
        raise NotAwsError(status=status)
