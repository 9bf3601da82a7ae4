"""What a killed engine or provider had just made: found, adopted by the next run, gone with the environment. The real
AWS provider against moto; the answer to one creation is held back, so that the kill comes in the middle of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest
from moto.server import ThreadedMotoServer

from butai.assembly import Butai
from butai.environments.model import Kind
from butai.environments.service import CreateRequest, DestroyRequest, EnvironmentView
from butai.runs.model import NextAction, RunEnd
from butai.terraform.state import summary
from support.carrying import wait_for
from support.held import HeldWay
from support.here import butai_with, carry, folder_of
from support.threads import in_background
from support.tiny_team import TinyTeam
from support.variants import again

YAML = """\
version: 1
name: tiny
region: ap-northeast-1
environment_variable: environment
services: {}
"""
ROOT = """\
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "environment" { type = string }

resource "aws_cloudwatch_log_group" "first" {
  name = "/tiny/${var.environment}/first"
}
resource "aws_ssm_parameter" "second" {
  depends_on = [aws_cloudwatch_log_group.first]
  name       = "/tiny/${var.environment}/second"
  type       = "String"
  value      = "x"
}
"""
FIRST, SECOND = "aws_cloudwatch_log_group.first", "aws_ssm_parameter.second"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def way(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldWay]:
    httpx.post(f"{moto}/moto-api/reset", trust_env=False, timeout=60).raise_for_status()
    way = HeldWay(moto)
    for name, value in {
        "AWS_ENDPOINT_URL": way.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    yield way
    way.close()


@pytest.fixture
def butai(tmp_path: Path, way: HeldWay) -> Iterator[Butai]:
    team = TinyTeam(tmp_path / "team", yaml=YAML, root=ROOT)
    butai = butai_with(tmp_path, team)
    yield butai
    butai.database.close()


def names(moto: str) -> list[str]:
    """What exists in the cloud."""
    session: Any = boto3.Session(region_name="ap-northeast-1")
    groups = session.client("logs", endpoint_url=moto).describe_log_groups()["logGroups"]
    found = session.client("ssm", endpoint_url=moto).describe_parameters()["Parameters"]
    return sorted([each["logGroupName"] for each in groups] + [each["Name"] for each in found])


def killed_while(butai: Butai, way: HeldWay, held: str, *, provider: bool) -> EnvironmentView:
    """Create, and kill the engine or its provider when the cloud has done this request and not answered yet."""
    started = butai.environments.create(CreateRequest(name="qa-1"), by="mika")
    way.hold(held)
    with in_background(lambda: carry(butai, started.run)):
        assert way.held.wait(60), "the request comes"
        engine = folder_of(butai, started.run).living_engine()
        assert engine is not None
        victims = engine.children(recursive=True) if provider else [engine]
        for each in victims:
            if not provider or "provider" in each.name():
                each.kill()
        psutil.wait_procs(victims, timeout=10)
        way.let_go()
    return butai.environments.by_id(started.environment.id)


def test_what_a_killed_engine_made_is_adopted_by_the_next_run(butai: Butai, way: HeldWay, moto: str) -> None:
    left = killed_while(butai, way, "PutParameter", provider=False)
    assert left.last_run.end is RunEnd.PARTIALLY_APPLIED and left.state.next_action is NextAction.RUN_AGAIN
    assert names(moto) == ["/tiny/qa-1/first", "/tiny/qa-1/second"]
    assert butai.states.read(left.id) is None and butai.states.lock_of(left.id) is None
    assert [(each.address, each.id) for each in left.orphans] == [(FIRST, "/tiny/qa-1/first"), (SECOND, "")]

    up = carry(butai, butai.environments.next("qa-1", by="mika").run)
    assert (up.last_run.end, up.state.kind, up.orphans) == (RunEnd.SUCCEEDED, Kind.UP, [])
    assert {each.address for each in summary(butai.states.read(up.id) or b"").resources} == {FIRST, SECOND}
    told = [each for each in butai.runs.events(up.last_run.id) if each.kind == "adopted"]
    assert [(each.step, each.address) for each in told] == [("adopt", FIRST), ("adopt", SECOND)]
    assert not any(each.kind == "started" and each.action == "create" for each in butai.runs.events(up.last_run.id))

    gone = carry(butai, butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1"), by="mika").run)
    assert gone.destroyed_at is not None and gone.left_over == [] and names(moto) == []


@again
def test_what_a_killed_provider_made_goes_with_a_destroy(butai: Butai, way: HeldWay, moto: str) -> None:
    left = killed_while(butai, way, "PutParameter", provider=True)
    assert left.last_run.end is RunEnd.PARTIALLY_APPLIED
    assert names(moto) == ["/tiny/qa-1/first", "/tiny/qa-1/second"]
    assert [(each.address, each.id) for each in left.orphans] == [(SECOND, "")], "the first stands in the state"

    gone = carry(butai, butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1"), by="mika").run)
    assert gone.destroyed_at is not None and gone.left_over == [] and names(moto) == []


@again
def test_what_stood_there_before_is_never_adopted(butai: Butai, way: HeldWay, moto: str) -> None:
    session: Any = boto3.Session(region_name="ap-northeast-1")
    ssm = session.client("ssm", endpoint_url=moto)
    for _ in range(2):  # its second version does not say when it was made
        ssm.put_parameter(Name="/tiny/qa-1/second", Type="String", Value="ours", Overwrite=True)
    left = killed_while(butai, way, "PutParameter", provider=False)
    again = carry(butai, butai.environments.next("qa-1", by="mika").run)
    assert again.last_run.end is RunEnd.PARTIALLY_APPLIED, "it exists already, and it is not this environment's"
    (orphan,) = again.orphans
    assert (orphan.address, orphan.id, left.orphans[-1].address) == (SECOND, "", SECOND)
    assert ssm.get_parameter(Name="/tiny/qa-1/second")["Parameter"]["Value"] == "ours"


@again
def test_a_hard_stop_ends_a_plan_whose_provider_hears_nothing(butai: Butai, way: HeldWay, moto: str) -> None:
    started = butai.environments.create(CreateRequest(name="qa-1"), by="mika")
    way.hold("GetCallerIdentity")
    with in_background(lambda: carry(butai, started.run)):
        assert way.held.wait(60), "the provider is being made ready, and cannot be interrupted in that"
        butai.runs.cancel(started.run.id)
        butai.runs.cancel(started.run.id, hard=True)
        wait_for(lambda: butai.runs.get(started.run.id).end, seconds=40, why="the engine ends")
        way.let_go()
    assert butai.runs.get(started.run.id).end is RunEnd.CANCELLED_BEFORE_CHANGE
    assert names(moto) == [] and butai.states.lock_of(started.environment.id) is None
