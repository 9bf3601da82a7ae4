"""A team's bucket and table of locks, emulated, and runs of a Butai that keeps its states there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from butai.assembly import Butai
from butai.environments.service import CreateRequest
from butai.runs.service import RunView
from support.rows import claim_run
from support.tiny_team import TOKEN

LOCKS = {"lockfile": "use_lockfile: true", "table": "dynamodb_table: locks"}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket, a table of locks, and an environment in which both are found."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    own = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BUTAI_SECRET_TINY_TOKEN": TOKEN,
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="team-states")
    boto3.client("dynamodb", region_name="us-east-1").create_table(
        TableName="locks",
        KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield client
    # It keeps what it has in this process.
    httpx.post(f"http://{host}:{port}/moto-api/reset", timeout=60).raise_for_status()
    server.stop()


def carry(butai: Butai, run: RunView) -> RunView:
    """Carry a run out, here and now."""
    butai.carrier().carry(claim_run(butai.database, run.id))
    return butai.runs.get(run.id)


def create(butai: Butai, name: str, **variables: str) -> RunView:
    """Ask for an environment."""
    return butai.environments.create(CreateRequest(name=name, variables=variables), by="mika").run


def keys(s3: Any) -> set[str]:
    """What lies in the bucket."""
    return {each["Key"] for each in s3.list_objects_v2(Bucket="team-states").get("Contents", [])}


def locks() -> list[Any]:
    """The locks in the table that somebody holds."""
    found: list[Any] = boto3.client("dynamodb", region_name="us-east-1").scan(TableName="locks")["Items"]
    return [each for each in found if not each["LockID"]["S"].endswith("-md5")]
