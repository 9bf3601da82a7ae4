"""Drift of a root that is no environment: real Terraform on moto, its state in a team's bucket, which nothing writes to."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from butai.assembly import Butai, assemble
from butai.cli import app
from butai.environments.service import RootCheck
from butai.inventory import look_commands, told_commands
from butai.inventory.coverage_store import state_at
from butai.inventory.told_views import PlaceRequest
from butai.inventory.views import AddRequest
from butai.runs.folder import RunFolder
from butai.runs.model import RunEnd, RunStatus
from butai.runs.service import RunView
from butai.settings import Settings
from butai.terraform.attributes import HIDDEN
from support.carrying import wait_for
from support.engine import Engine
from support.in_process import with_key
from support.moto_process import REGION, Moto, moto, moto_server
from support.repository import WorkingTree
from support.rows import claim_run
from support.tiny_team import Worker
from support.way import Asked, Way

__all__ = ["moto", "moto_server"]

PORT = 8714
PLACE = "s3://states/live/words"
API = "/api/v1/inventory/infra"
# The key and the value are the team's; `word` has no default, so that the root's own file has to set it.
ROOT = """\
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
  backend "s3" {
    bucket                      = "states"
    key                         = "live/words"
    region                      = "ap-northeast-1"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_s3_checksum            = true
  }
}
provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
}
variable "word" { type = string }
resource "aws_ssm_parameter" "word" {
  name  = "/live/word"
  type  = "SecureString"
  value = var.word
  tags  = { Team = "calls" }
}
resource "aws_ssm_parameter" "gone" {
  name  = "/live/gone"
  type  = "String"
  value = "x"
}
resource "aws_security_group" "calls" {
  name = "calls"
}
resource "aws_vpc_security_group_ingress_rule" "inside" {
  security_group_id = aws_security_group.calls.id
  cidr_ipv4         = "10.0.0.0/8"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
"""
WORD, NEW_WORD = "the-teams-own-word", "somebodys-other-word"


@dataclass
class Live:
    """A root that somebody has applied by hand, and a Butai that knows its repository."""

    moto: Moto
    butai: Butai
    client: TestClient
    infra: WorkingTree

    def bucket(self) -> dict[str, bytes]:
        """Everything in it."""
        s3 = self.moto.client("s3")
        listed = s3.list_objects_v2(Bucket="states").get("Contents", [])
        return {each["Key"]: s3.get_object(Bucket="states", Key=each["Key"])["Body"].read() for each in listed}

    def check(self) -> RunView:
        """Look for drift through the API; the run, at its end."""
        asked = self.client.post(f"{API}/states/drift-check", params={"place": PLACE})
        assert asked.status_code == 202, asked.text
        run: int = asked.json()["id"]
        self.butai.carrier().carry(claim_run(self.butai.database, run))
        return self.butai.runs.get(run)

    def standing(self) -> Any:
        """How the root stands in its state."""
        [found] = self.client.get(f"{API}/environments").json()
        return found


@pytest.fixture
def live(moto: Moto, tmp_path: Path) -> Iterator[Live]:
    moto.client("s3").create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION})
    infra = WorkingTree(tmp_path / "infra")
    infra.commit({"live/main.tf": ROOT, "live/vars/prod.tfvars": f'word = "{WORD}"\n'})
    by_hand = Engine(tmp_path / "by-hand", {**moto.env(), "TF_VAR_word": WORD})
    by_hand.write(ROOT)
    by_hand.init()
    by_hand.apply()
    butai = assemble(Settings(data=tmp_path / "data"))
    butai.inventory.add(AddRequest(repository=str(infra.path)))
    yield Live(moto, butai, with_key(butai, PORT), infra)
    butai.database.close()


def tell(live: Live, **more: Any) -> None:
    live.butai.told.add("infra", PlaceRequest(root="live", var_files=["vars/prod.tfvars"], **more))


def test_what_somebody_changed_outside_stands_at_the_node_and_nothing_is_written(live: Live) -> None:
    tell(live)
    before = live.bucket()
    assert set(before) == {"live/words"} and WORD.encode() in before["live/words"]
    assert live.standing()["check"] is None
    first = live.check()
    assert (first.end, first.error) == (RunEnd.SUCCEEDED, None)
    same = live.standing()
    assert (same["place"], same["root"], same["instances"], same["drift"]) == (PLACE, "live", 4, [])
    assert same["drift_run"] == first.id and same["drift_at"] and same["check"]["end"] == "succeeded"

    ssm = live.moto.client("ssm")
    added = [{"Key": "By", "Value": "hand"}]
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId="/live/word", Tags=added)
    ssm.put_parameter(Name="/live/word", Value=NEW_WORD, Type="SecureString", Overwrite=True)
    ssm.delete_parameter(Name="/live/gone")
    ec2 = live.moto.client("ec2")
    [group] = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["calls"]}])["SecurityGroups"]
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[ssh])
    run = live.check()
    assert run.end is RunEnd.SUCCEEDED, run.error
    assert live.bucket() == before, "byte for byte, and no lock is left"
    drift = {each["address"]: each for each in live.standing()["drift"]}
    assert {name: (each["outside"], each["action"]) for name, each in drift.items()} == {
        "aws_ssm_parameter.word": ("update", ""),
        "aws_ssm_parameter.gone": ("delete", ""),
        "aws_security_group.calls": ("update", ""),
    }
    assert drift["aws_security_group.calls"]["attributes"] == ["ingress"], "the rule that no code made"
    assert all(each["in_code"] for each in drift.values())
    assert {"value", "tags.By"} <= set(drift["aws_ssm_parameter.word"]["attributes"])
    [node] = live.client.get(f"{API}/environments/node", params={"id": "live:aws_ssm_parameter.word"}).json()
    assert node["drift"] == [drift["aws_ssm_parameter.word"]] and node["instances"][0]["id"] == "/live/word"
    panel = live.client.get("/inventory/infra/map", params={"node": "live:aws_ssm_parameter.word"}).text
    page = live.client.get("/inventory/infra/environments").text
    assert "changed outside" in panel and "changed outside" in page and "deleted outside" in page

    told = live.client.get(f"/api/v1/runs/{run.id}/differences").json()
    [word] = [each for each in told if each["address"] == "aws_ssm_parameter.word"]
    known = {each["path"]: (each["before"], each["after"]) for each in word["attributes"]}
    by_code = {each["path"]: each["in_code"] for each in word["attributes"]}
    assert (by_code["value"], by_code["tags.By"], by_code["version"]) == (True, True, False), (
        "a version is AWS's own count"
    )
    assert known["value"] == (HIDDEN, HIDDEN) and known["tags.By"] == ('"hand"', "null"), "what it is, what it was"
    everything = live.client.get(f"/api/v1/runs/{run.id}/events").text + json.dumps(told) + page
    assert WORD not in everything and NEW_WORD not in everything
    folder = live.butai.data.run(run.id)
    left = [each for each in folder.rglob("*") if each.is_file() and "tree" not in each.relative_to(folder).parts]
    assert left and not any(WORD.encode() in each.read_bytes() for each in left), "no copy of the state stays"
    assert live.butai.environments.list() == [] and live.butai.environments.count() == 0, "it is no environment"


def test_commands_look_and_tell_and_one_that_failed_says_why(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    class Connected:
        def __init__(self) -> None:
            self.carried: set[int] = set()

        def get(self, path: str, **params: Any) -> Any:
            """A worker would carry it out meanwhile."""
            if path.startswith("/api/v1/runs/") and path.rpartition("/")[2].isdecimal():
                run = int(path.rpartition("/")[2])
                if live.butai.runs.get(run).settled_at is None:
                    live.butai.carrier().carry(claim_run(live.butai.database, run))
            return live.client.get(path, params=params).json()

        def post(self, path: str, body: Any = None, **params: Any) -> Any:
            answer = live.client.post(path, json=body, params=params)
            assert answer.status_code < 300, answer.text
            return answer.json()

    for commands in (told_commands, look_commands):
        monkeypatch.setattr(commands, "api", Connected)

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["inventory", *arguments])
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    assert "live" in run("states", "infra", "--root", "live", "--var-file", "vars/prod.tfvars")
    assert "Nothing was changed outside" in run("drift", "infra")
    live.moto.client("ssm").delete_parameter(Name="/live/gone")
    assert "aws_ssm_parameter.gone: deleted outside" in run("drift", "infra", PLACE, code=5)
    assert PLACE[:8] in run("environments", "infra")
    before = live.standing()["drift"]

    with live.butai.database.session() as session:
        row = state_at(session, "infra", PLACE)
        assert row is not None
        row.var_files = []
    run("drift", "infra", code=1)
    failed = live.standing()
    assert failed["check"]["end"] == "failed-before-any-change" and "word" in failed["check"]["why"]
    assert failed["drift"] == before, "what the last one that came to its end found"
    assert "No value for required variable" in live.client.get("/inventory/infra/environments").text

    run("states", "infra", "--root", "live", "--secret", "word=env:WORD")
    run("drift", "infra", code=1)
    assert "BUTAI_SECRET_WORD" in live.standing()["check"]["why"]
    monkeypatch.setenv("BUTAI_SECRET_WORD", WORD)
    assert "aws_ssm_parameter.gone: deleted outside" in run("drift", "infra", code=5)
    known = live.client.get(f"{API}/states").text
    assert '"word":"env:WORD"' in known and WORD not in known

    live.moto.client("s3").delete_object(Bucket="states", Key="live/words")
    run("drift", "infra", code=1)
    assert "There is no state at" in live.standing()["check"]["what"]


def test_a_look_is_one_at_a_time_is_told_while_it_goes_on_and_can_be_stopped(
    live: Live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tell(live)
    before = live.bucket()
    path, asked = f"{API}/states/drift-check", {"place": PLACE}
    assert live.client.post(f"{path}/stop", params=asked).status_code == 409
    run = live.client.post(path, params=asked).json()
    assert live.client.post(path, params=asked).json()["id"] == run["id"], "one that waits is not asked for twice"
    assert "Waits for its turn" in live.client.get("/inventory/infra/environments").text
    [queued] = live.client.get("/api/v1/queue").json()["queued"]
    assert (queued["environment"], queued["blueprint"]) == ("infra/live", "")
    assert "/inventory/infra/environments" in live.client.get("/runs").text
    assert live.client.get(f"/api/v1/environments/by-id/{run['environment_id']}").status_code == 404
    assert live.client.post(f"{path}/stop", params=asked).status_code == 202
    assert live.standing()["check"]["end"] == "cancelled-before-any-change"

    slow = Slow(live.moto.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", slow.url)
    run = live.client.post(path, params=asked).json()
    claim = claim_run(live.butai.database, run["id"])
    carrying = threading.Thread(target=lambda: live.butai.carrier().carry(claim), daemon=True)
    carrying.start()
    assert slow.came.wait(60), "the provider asks for the parameters"
    wait_for(lambda: live.standing()["check"]["looked"] > 0, seconds=20, why="it is told how far it is")
    page = live.client.get("/inventory/infra/environments").text
    assert "Looking: " in page and "every 2s" in page
    live.client.post(f"{path}/stop", params=asked)
    wait_for(lambda: live.butai.runs.get(run["id"]).cancel_requested, seconds=20, why="it is asked to stop")
    slow.goes.set()
    carrying.join(60)
    slow.close()
    assert live.butai.runs.get(run["id"]).end is RunEnd.CANCELLED_BEFORE_CHANGE
    assert live.bucket() == before
    assert "The last check was stopped" in live.client.get("/inventory/infra/environments").text


def test_a_killed_worker_leaves_a_look_that_comes_to_its_end(
    live: Live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tell(live)
    before = live.bucket()
    slow = Slow(live.moto.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", slow.url)
    run = live.client.post(f"{API}/states/drift-check", params={"place": PLACE}).json()["id"]
    worker = Worker(Settings(data=live.butai.data.path, concurrency=1), tmp_path / "worker.log", aws=True)
    worker.start()
    assert slow.came.wait(60), worker.log.read_text()
    worker.end(signal.SIGKILL)
    slow.goes.set()
    folder = RunFolder(live.butai.data.run(run))
    wait_for(lambda: folder.read_end() is not None, seconds=60, why="its supervisor goes on without it")
    assert live.butai.runs.get(run).status is RunStatus.RUNNING
    worker.start()
    wait_for(lambda: live.butai.runs.get(run).settled_at, seconds=60, why="the next worker finds it")
    worker.end()
    slow.close()
    assert live.butai.runs.get(run).end is RunEnd.SUCCEEDED
    assert live.standing()["drift"] == [] and live.standing()["drift_run"] == run
    assert live.bucket() == before


ONLY_QA = """\
output "word" {
  value = "x"
  precondition {
    condition     = terraform.workspace == "qa"
    error_message = "This is the workspace ${terraform.workspace}."
  }
}
"""


@pytest.mark.parametrize(("workspace", "end"), [("qa", RunEnd.SUCCEEDED), ("", RunEnd.FAILED_BEFORE_CHANGE)])
def test_a_workspaces_state_is_looked_at_in_that_workspace(tmp_path: Path, workspace: str, end: RunEnd) -> None:
    infra = WorkingTree(tmp_path / "infra")
    commit = infra.commit({"main.tf": ONLY_QA})
    state = tmp_path / "qa.tfstate"
    state.write_text(
        json.dumps({"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "resources": []})
    )
    butai = assemble(Settings(data=tmp_path / "data"))
    wanted = RootCheck(str(infra.path), commit, ".", str(state), workspace=workspace)
    with butai.database.session() as session:
        number = butai.environments.roots.known(session, "infra/.", "mika")
        run = butai.environments.roots.check(session, number, wanted, by="mika", labels={})
    butai.carrier().carry(claim_run(butai.database, run.id))
    ended = butai.runs.get(run.id)
    assert ended.end is end, ended.error
    assert workspace or "This is the workspace default" in str(ended.error)
    butai.database.close()


class Slow(Way):
    """Answers what is asked of parameters only when it may."""

    def __init__(self, target: str) -> None:
        self.came, self.goes = threading.Event(), threading.Event()
        super().__init__(target)

    def instead(self, asked: Asked) -> httpx.Response | None:
        if "SSM" in asked.target:
            self.came.set()
            deadline = time.monotonic() + 60
            while not self.goes.is_set() and time.monotonic() < deadline:
                time.sleep(0.05)
        return None
