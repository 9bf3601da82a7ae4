"""Which way runs go, with real Terraform and the real AWS provider: shared providers, init, and the comparison of both ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from butai.assembly import Butai, assemble
from butai.environments import engine_checks
from butai.environments.service import DestroyRequest, UpdateRequest
from butai.environments.views import ServiceChoice
from butai.runs import workers
from butai.runs.model import RunEnd, RunKind
from butai.runs.service import RunView
from butai.settings import Settings
from support.bucket import carry, create
from support.carrying import now
from support.rows import WORKER
from support.tiny_team import ROOT, YAML, TinyTeam
from support.variants import again

AWS = """
provider "aws" {
  default_tags {
    tags = { Environment = var.environment }
  }
}

resource "aws_ssm_parameter" "image" {
  name  = "/tiny/${var.environment}/image"
  type  = "String"
  value = var.web_image
}
"""


def assembled(tmp_path: Path, yaml: str = YAML, **settings: Any) -> Butai:
    team = TinyTeam(tmp_path / "team", yaml=yaml, root=ROOT + AWS)
    butai = assemble(Settings(data=tmp_path / "data", cache=tmp_path / "cache", **settings))
    butai.blueprints.add(str(team.infra.path))
    with butai.database.session() as session:
        workers.register(session, WORKER, slots=1, labels={}, now=now())
    return butai


@pytest.fixture
def butai(s3: Any, tmp_path: Path) -> Iterator[Butai]:
    opened = assembled(tmp_path)
    yield opened
    opened.acceleration().host.end_when_unused()
    opened.database.close()


def steps(butai: Butai, run: RunView) -> set[str]:
    return {each.step for each in butai.runs.events(run.id) if not each.message.startswith("A prepared")}


def parameter(name: str) -> dict[str, Any]:
    ssm = boto3.client("ssm", region_name="us-east-1")
    value = ssm.get_parameter(Name=f"/tiny/{name}/image")["Parameter"]["Value"]
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=f"/tiny/{name}/image")["TagList"]
    return {"value": value, "tags": {each["Key"]: each["Value"] for each in tags}}


def test_on_an_emulated_cloud_every_run_shares_a_provider_and_init_is_done_once(butai: Butai) -> None:
    for name in ("qa-1", "qa-2"):
        made = carry(butai, create(butai, name))
        assert (made.end, made.error) == (RunEnd.SUCCEEDED, None)
        assert made.way and made.way.accelerated and "emulated" in made.way.why
        assert parameter(name)["tags"] == {"Environment": name}, "each with its own default tags"
    assert "init" not in steps(butai, made), "the second one begins with what the first one's init made"
    update = butai.environments.update("qa-1", UpdateRequest(services={"web": ServiceChoice(branch="blue")}), by="ken")
    assert carry(butai, update.run).end is RunEnd.SUCCEEDED
    assert parameter("qa-1")["value"] != parameter("qa-2")["value"]
    providers = (butai.acceleration().host.status() or {})["providers"]
    assert {each["version"] for each in providers} == {"5.100.0"} and len(providers) >= 2
    gone = butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1"), by="ken")
    assert carry(butai, gone.run).end is RunEnd.SUCCEEDED
    assert butai.environments.newest("qa-1", "tiny").destroyed_at is not None


@again
def test_both_ways_are_compared_and_found_equal(butai: Butai) -> None:
    carry(butai, create(butai, "qa-1"))
    asked = butai.environments.check("qa-1", by="ken", kind=RunKind.ENGINE_CHECK)
    done = carry(butai, asked.run)
    assert (done.end, done.error) == (RunEnd.SUCCEEDED, None)
    assert engine_checks.found_by(butai.database, done.id) is True
    assert any(each.message == "Both ways are equal." for each in butai.runs.events(done.id))
    assert not list(butai.data.run(done.id).rglob("*.plan")), "a plan holds secrets and does not stay"


@pytest.mark.parametrize(
    ("yaml", "settings", "why"),
    [
        (YAML + "engine: {acceleration: off}\n", {}, "is `off` in butai.yaml"),
        pytest.param(YAML, {"acceleration": False}, "the worker's setting", marks=again),
    ],
)
def test_it_can_be_turned_off(s3: Any, tmp_path: Path, yaml: str, settings: dict[str, Any], why: str) -> None:
    butai = assembled(tmp_path, yaml, **settings)
    made = carry(butai, create(butai, "qa-1"))
    assert made.end is RunEnd.SUCCEEDED
    assert made.way and not made.way.accelerated and why in made.way.why
    assert butai.acceleration().host.status() is None, "nothing was started for it"
    butai.database.close()


@again
def test_after_a_host_was_killed_a_few_runs_go_the_plain_way(butai: Butai) -> None:
    carry(butai, create(butai, "qa-1"))
    status = butai.acceleration().host.status()
    assert status is not None
    psutil.Process(status["pid"]).kill()
    again = carry(butai, butai.environments.update("qa-1", UpdateRequest(), by="ken").run)
    assert again.end is RunEnd.SUCCEEDED
    assert again.way and not again.way.accelerated and "ended by itself" in again.way.why
