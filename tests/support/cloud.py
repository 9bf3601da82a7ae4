"""The local cloud as a process of its own, for tests."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from butai.localcloud.children import Children
from support.preloaded import Preloaded

REGION = "ap-northeast-1"
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 60
_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class Cloud:
    """One cloud with its data below `folder`; it can be stopped, killed and started again on the same data.

    Strict: `stop` fails the test when the cloud was asked for something that it could not answer.
    """

    def __init__(self, folder: Path, *, repositories: Path | None = None, strict: bool = True, path: str = "") -> None:
        self.data = folder / "cloud"
        self.repositories = repositories or folder / "repositories"
        self.repositories.mkdir(parents=True, exist_ok=True)
        self.strict = strict
        self._path = path or os.environ["PATH"]
        self._log = folder / "cloud.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = ""

    def start(self, port: int = 0) -> None:
        """Start it and wait until it is ready; it keeps its port over restarts unless another is given."""
        port = port or int(self.endpoint.rpartition(":")[2] or 0)
        with self._log.open("ab") as log:
            self._process = Preloaded(
                self.command(port), stdout=subprocess.PIPE, stderr=log, env=self._own_env(), start_new_session=True
            )
        self.endpoint = self._ready_line()["endpoint"]

    def command(self, port: int = 0) -> list[str]:
        """The command line."""
        strict = ["--strict"] if self.strict else []
        places = ["--data", str(self.data), "--repositories", str(self.repositories)]
        return [sys.executable, "-m", "butai.localcloud", "--port", str(port), "--region", REGION, *places, *strict]

    def stop(self) -> None:
        """Stop it cleanly; fails when it did not end well."""
        code = self._end(signal.SIGTERM)
        assert code == 0, f"the cloud ended with {code}: {self.unanswered()}\n{self._log.read_text()}"

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Leave no process behind, whatever happened before."""
        if self._process is not None:
            self._end(signal.SIGTERM)
        Children(self.data / "children").end_leftovers()

    @property
    def pid(self) -> int:
        """Process id of the running cloud."""
        assert self._process is not None
        return self._process.pid

    @property
    def env(self) -> dict[str, str]:
        """Variables that point AWS clients and the Terraform provider here."""
        return {**_KEYS, "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"}

    def client(self, service: Any) -> Any:
        """A boto3 client that repeats nothing."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=_KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=_KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30),
        )

    def unanswered(self) -> list[dict[str, str]]:
        """What the cloud was asked for and could not answer."""
        path = self.data / "unanswered.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _own_env(self) -> dict[str, str]:
        return {"PATH": self._path, "HOME": os.environ.get("HOME", "/")}

    def _ready_line(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _START_TIMEOUT_S)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self._end(signal.SIGKILL)
            raise AssertionError(f"the cloud did not start:\n{self._log.read_text()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        assert process is not None, "the cloud is not running"
        process.send_signal(number)
        try:
            return process.wait(_STOP_TIMEOUT_S)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@contextmanager
def running_cloud(folder: Path, *, repositories: Path | None = None, strict: bool = True) -> Iterator[Cloud]:
    """A started cloud, stopped at the end; strict as `Cloud` says."""
    cloud = Cloud(folder, repositories=repositories, strict=strict)
    cloud.start()
    try:
        yield cloud
        cloud.stop()
    finally:
        cloud.close()
