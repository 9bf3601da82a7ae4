"""A run that is stopped, and deaths of the host and of the provider in the middle of changes: told truly, and repeatable.

The slow thing is an ECS cluster: the provider waits ten seconds before it looks at it.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.moto_process import Moto, running_moto
from support.variants import again
from support.ways import Host, Way

ROOT = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
variable "name" {
  type = string
}
provider "aws" {
  region = "ap-northeast-1"
}
resource "aws_cloudwatch_log_group" "first" {
  name = "/${var.name}"
}
resource "aws_ecs_cluster" "slow" {
  name       = var.name
  depends_on = [aws_cloudwatch_log_group.first]
}
resource "aws_cloudwatch_log_group" "last" {
  name       = "/${var.name}/last"
  depends_on = [aws_ecs_cluster.slow]
}
"""
SLOW, FIRST, LAST = "aws_ecs_cluster.slow", "aws_cloudwatch_log_group.first", "aws_cloudwatch_log_group.last"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with running_moto(tmp_path_factory.mktemp("moto")) as moto:
        yield moto


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    way = Way(tmp_path_factory.mktemp("init"), {}, None)
    way.engine.write(ROOT)
    way.engine.init()
    return way.folder


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def root(tmp_path: Path, cloud: Moto, prepared: Path) -> Callable[..., Way]:
    def made(name: str, host: Host | None) -> Way:
        shutil.copytree(prepared, tmp_path / name, symlinks=True)
        return Way(tmp_path / name, cloud.env(), host)

    return made


def _apply(name: str) -> tuple[str, ...]:
    return ("apply", "-auto-approve", "-input=false", "-no-color", f"-var=name={name}")


def _wait_for(done: Callable[[], object], wait_s: float = 60) -> None:
    deadline = time.monotonic() + wait_s
    while not done():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def _kept(way: Way) -> dict[str, str]:
    """What its state holds, and whether it is tainted."""
    resources: list[Any] = way.state()["resources"]
    return {f"{each['type']}.{each['name']}": each["instances"][0].get("status", "ok") for each in resources}


def _is_waited_for(cloud: Moto, name: str) -> bool:
    """Whether the cluster stands, so that its provider only waits."""
    return any(each.endswith(f"/{name}") for each in cloud.client("ecs").list_clusters()["clusterArns"])


def _interrupted(cloud: Moto, way: Way, name: str) -> tuple[int, str]:
    with way.begun(*_apply(name)) as process:
        _wait_for(lambda: _is_waited_for(cloud, name))
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        return process.wait(60), way.said()


def test_a_stop_in_the_middle_ends_this_run_as_on_the_plain_way_and_no_other(
    root: Callable[..., Way], host: Host, cloud: Moto
) -> None:
    plain, stopped, other = root("plain", None), root("stopped", host), root("other", host)
    told = _interrupted(cloud, plain, "plain")
    with other.begun(*_apply("other")) as going:
        _wait_for(lambda: _is_waited_for(cloud, "other"))
        time.sleep(2)
        code, said = _interrupted(cloud, stopped, "stopped")
        assert going.wait(60) == 0, other.said()
    assert (code, told[0]) == (1, 1), said
    assert "Stopping operation..." in said and "Stopping operation..." in told[1]
    assert _kept(stopped) == _kept(plain) == {FIRST: "ok", SLOW: "tainted"}
    assert _kept(other) == {FIRST: "ok", SLOW: "ok", LAST: "ok"}
    assert not host.client.crashed_lately()


@pytest.mark.parametrize("whom", ["host", pytest.param("provider", marks=again)])
def test_a_kill_in_the_middle_ends_every_run_with_an_error_and_is_repeatable(
    root: Callable[..., Way], host: Host, cloud: Moto, whom: str
) -> None:
    names = [f"{whom}-{each}" for each in range(2)]
    ways = [root(each, host) for each in names]
    with ExitStack() as stack:
        processes = [stack.enter_context(way.begun(*_apply(name))) for way, name in zip(ways, names, strict=True)]
        _wait_for(lambda: all(_is_waited_for(cloud, each) for each in names))
        status = host.client.status()
        assert status is not None
        working = [each["pid"] for each in status["providers"] if each["configured"]]
        killed = status["pid"] if whom == "host" else working[0]
        os.kill(killed, signal.SIGKILL)
        begun = time.monotonic()
        assert [each.wait(30) for each in processes] == [1, 1]
        assert time.monotonic() - begun < 15, "nothing hangs"
    assert [_kept(each) for each in ways] == [{FIRST: "ok"}] * 2
    assert all("Error: " in each.said() for each in ways)
    _wait_for(host.client.crashed_lately)
    with ExitStack() as stack:
        processes = [stack.enter_context(way.begun(*_apply(name))) for way, name in zip(ways, names, strict=True)]
        assert [each.wait(60) for each in processes] == [0, 0], [each.said() for each in ways]
    assert [_kept(each) for each in ways] == [{FIRST: "ok", SLOW: "ok", LAST: "ok"}] * 2
    there = cloud.client("ecs").list_clusters()["clusterArns"]
    assert {each.rpartition("/")[2] for each in there} >= set(names)
