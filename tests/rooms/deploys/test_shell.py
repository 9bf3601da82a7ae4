"""A program in a running container: which task and container, what ECS is asked, what the plugin is given.

ECS is botocore's stub, and the plugin a program that writes down what it was given: no emulator has ECS Exec.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from butai.aws.clients import Clients
from butai.aws.ecs import ServiceRef
from butai.deploys.shell import ExecRequest, SessionShape, Shells, begin
from butai.errors import NotFoundError, RefusedError
from support.portal import Portal
from support.preloaded import run

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
REF = ServiceRef("main", "qa-1-web")
CLUSTER = "arn:aws:ecs:ap-northeast-1:123456789012:cluster/main"
SESSION = {"sessionId": "ecs-execute-command-1", "streamUrl": "wss://x", "tokenValue": "t0ken"}


def task(number: str, started: int, *, allowed: bool = True) -> dict[str, Any]:
    containers = [{"name": name, "runtimeId": f"{number}-{name}"} for name in ("proxy", "web")]
    return {
        "taskArn": f"arn:aws:ecs:ap-northeast-1:123456789012:task/main/{number}",
        "clusterArn": CLUSTER,
        "lastStatus": "RUNNING",
        "startedAt": NOON + timedelta(minutes=started),
        "enableExecuteCommand": allowed,
        "containers": containers,
    }


class Ecs:
    """Clients whose ECS has these tasks."""

    def __init__(self, *tasks: dict[str, Any]) -> None:
        keys: dict[str, Any] = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        self.clients = Clients(boto3.Session(region_name="ap-northeast-1", **keys))
        self.stub = Stubber(self.clients("ecs"))
        arns = [each["taskArn"] for each in tasks]
        asked = {"cluster": "main", "serviceName": "qa-1-web", "desiredStatus": "RUNNING"}
        self.stub.add_response("list_tasks", {"taskArns": arns}, asked)
        if tasks:
            self.stub.add_response("describe_tasks", {"tasks": list(tasks)}, {"cluster": "main", "tasks": arns})
        self.stub.activate()

    def executes(self, number: str, container: str, command: str) -> None:
        arn = f"arn:aws:ecs:ap-northeast-1:123456789012:task/main/{number}"
        asked = {"cluster": "main", "task": arn, "container": container, "command": command, "interactive": True}
        self.stub.add_response("execute_command", {"session": SESSION}, asked)


def test_the_newest_task_and_the_container_of_the_services_name() -> None:
    ecs = Ecs(task("aaa1", 5), task("bbb2", 7))
    ecs.executes("bbb2", "web", "/bin/sh")
    begun = begin(ecs.clients, REF, "web", ExecRequest())
    assert (begun.task, begun.container, begun.region) == ("bbb2", "web", "ap-northeast-1")
    assert begun.target == "ecs:main_bbb2_bbb2-web" and begun.endpoint.startswith("https://ssm.ap-northeast-1.")
    assert begun.session == SESSION


def test_a_task_and_a_container_that_were_named() -> None:
    ecs = Ecs(task("aaa1", 5), task("bbb2", 7))
    ecs.executes("aaa1", "proxy", "ls -l")
    assert begin(ecs.clients, REF, "web", ExecRequest(command="ls -l", task="aa", container="proxy")).task == "aaa1"


@pytest.mark.parametrize(
    ("tasks", "wanted", "words"),
    [
        ([], {}, "No task of `web` runs."),
        ([task("aaa1", 5)], {"task": "b"}, "These run: aaa1."),
        ([task("aaa1", 5)], {"container": "wep"}, "Did you mean `web`?"),
    ],
)
def test_what_does_not_run(tasks: list[dict[str, Any]], wanted: dict[str, str], words: str) -> None:
    with pytest.raises(NotFoundError) as raised:
        begin(Ecs(*tasks).clients, REF, "web", ExecRequest(**wanted))
    assert words in str(raised.value)


def test_where_it_is_off_the_setting_is_named() -> None:
    with pytest.raises(RefusedError, match="off for the tasks") as raised:
        begin(Ecs(task("aaa1", 5, allowed=False)).clients, REF, "web", ExecRequest())
    assert "enable_execute_command = true" in raised.value.next


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    portal = Portal(tmp_path / "portal")
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


def command(portal: Portal, path: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "BUTAI_DATA": str(portal.butai.data.path), "PATH": str(path), "BUTAI_URL": portal.url}
    return run([sys.executable, "-m", "butai", "exec", "qa-1", "web", *argv], env=env)


def test_the_plugin_carries_it(portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin, given = tmp_path / "bin" / "session-manager-plugin", tmp_path / "given.json"
    asked: list[ExecRequest] = []

    def begun(_: Shells, _name: str, _service: str, wanted: ExecRequest, **__: Any) -> SessionShape:
        asked.append(wanted)
        told: dict[str, Any] = {
            "session": SESSION,
            "region": "eu-west-1",
            "endpoint": "https://e",
            "target": "ecs:main_a_b",
        }
        return SessionShape(**told, task="aaa1", container="web")

    monkeypatch.setattr(Shells, "begin", begun)
    missing = command(portal, tmp_path / "bin")
    assert missing.returncode != 0 and "session-manager-plugin" in missing.stderr and not asked
    plugin.parent.mkdir()
    plugin.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"told = [sys.argv[1:], os.environ[sys.argv[1]]]\nopen({str(given)!r}, 'w').write(json.dumps(told))\nsys.exit(7)\n"
    )
    plugin.chmod(0o755)
    done = command(portal, plugin.parent, "--", "ls", "-l", "my folder")
    assert done.returncode == 7, done.stderr
    assert asked[0].command == "ls -l 'my folder'"
    argv, session = json.loads(given.read_text())
    assert argv[1:] == ["eu-west-1", "StartSession", "", '{"Target": "ecs:main_a_b"}', "https://e"]
    assert json.loads(session) == SESSION and "t0ken" not in " ".join(argv)
