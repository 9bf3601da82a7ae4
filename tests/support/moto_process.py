"""moto's own server as a process: AWS with any number of accounts, for tests that the local cloud's few services do not reach."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from support.preloaded import Preloaded

REGION = "ap-northeast-1"
_START_S = 30
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class Moto:
    """One AWS at `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def env(self, keys: Mapping[str, str] = KEYS, region: str = REGION) -> dict[str, str]:
        """Variables that point an engine here."""
        return {**keys, "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": region, "AWS_EC2_METADATA_DISABLED": "true"}

    def forget(self) -> None:
        """Nothing exists any more."""
        httpx.post(f"{self.endpoint}/moto-api/reset", trust_env=False, timeout=60).raise_for_status()

    def client(self, service: Any, keys: Mapping[str, str] = KEYS, region: str = REGION) -> Any:
        """A boto3 client."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=keys.get("AWS_SESSION_TOKEN"),
        )

    def keys_of(self, account: str) -> dict[str, str]:
        """Credentials with which moto takes a call for one of this account."""
        role = f"arn:aws:iam::{account}:role/butai"
        given = self.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }


@contextmanager
def running_moto(folder: Path) -> Iterator[Moto]:
    """A started server, ended afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "moto.log").open("ab") as log:
        process = Preloaded(command, stdout=log, stderr=log, env={"MOTO_EC2_LOAD_DEFAULT_AMIS": "false"})
    try:
        _wait_for(port, process)
        yield Moto(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """One server for a whole file: `moto` has it empty."""
    with running_moto(tmp_path_factory.mktemp("moto")) as moto:
        yield moto


@pytest.fixture
def moto(moto_server: Moto, monkeypatch: pytest.MonkeyPatch) -> Moto:
    """This process's AWS, with nothing in it."""
    moto_server.forget()
    for name, value in moto_server.env().items():
        monkeypatch.setenv(name, value)
    return moto_server


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"moto did not start: {process.poll()}")
