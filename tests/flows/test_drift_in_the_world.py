"""Drift that a provider sees: something changed and something deleted behind Terraform's back, on the local cloud."""

from __future__ import annotations

import os
from pathlib import Path

from butai.assembly import Butai, assemble
from butai.environments.service import CreateRequest, UpdateRequest
from butai.environments.views import DriftShape
from butai.runs.model import RunEnd
from butai.settings import Settings
from butai.terraform.attributes import HIDDEN
from support.cloud import REGION, running_cloud
from support.repository import WorkingTree
from support.rows import claim_run

YAML = f"version: 1\nname: words\nregion: {REGION}\nenvironment_variable: environment\n"
ROOT = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
}
variable "environment" { type = string }
resource "aws_ssm_parameter" "word" {
  for_each = toset(["one", "two"])
  name     = "/words/${var.environment}/${each.key}"
  type     = "String"
  value    = "as the code says"
}
"""


def carried(butai: Butai, run: int) -> None:
    butai.carrier().carry(claim_run(butai.database, run))
    assert butai.runs.get(run).end is RunEnd.SUCCEEDED, butai.runs.get(run).error


def checked(butai: Butai) -> DriftShape:
    carried(butai, butai.environments.check("qa-1", by="mika").run.id)
    found = butai.environments.get("qa-1").drift
    assert found is not None
    return found


def test_a_parameter_changed_and_one_deleted_in_aws(tmp_path: Path) -> None:
    team = WorkingTree(tmp_path / "infra")
    team.commit({"butai.yaml": YAML, "main.tf": ROOT})
    with running_cloud(tmp_path) as cloud:
        butai = assemble(Settings(data=tmp_path / "data"), {**os.environ, **cloud.env})
        butai.blueprints.add(str(team.path))
        made = butai.environments.create(CreateRequest(name="qa-1"), by="mika")
        carried(butai, made.run.id)
        assert checked(butai).count == 0
        before = butai.states.read(made.environment.id)

        ssm = cloud.client("ssm")
        ssm.put_parameter(Name="/words/qa-1/one", Value="somebody's word", Description="mine", Overwrite=True)
        ssm.delete_parameter(Name="/words/qa-1/two")
        drift = checked(butai)
        found = {each.address: (each.outside, each.action) for each in drift.items}
        assert found == {
            'aws_ssm_parameter.word["one"]': ("update", "update"),
            'aws_ssm_parameter.word["two"]': ("delete", "create"),
        }
        (one,) = (each for each in drift.items if "one" in each.address)
        told = {each.path: (each.before, each.after) for each in one.attributes}
        assert (told["value"], told["description"]) == ((HIDDEN, HIDDEN), ('"mine"', "null")), told
        log = "".join(path.read_text() for path in butai.data.run(drift.run).glob("*.*l*"))
        assert "somebody" not in log
        assert butai.states.read(made.environment.id) == before, "looking is not writing"
        assert ssm.get_parameter(Name="/words/qa-1/one")["Parameter"]["Value"] == "somebody's word"

        carried(butai, butai.environments.update("qa-1", UpdateRequest(), by="mika").run.id)
        for name in ("one", "two"):
            assert ssm.get_parameter(Name=f"/words/qa-1/{name}")["Parameter"]["Value"] == "as the code says"
        assert butai.environments.get("qa-1").drift is None
        assert checked(butai).count == 0
        butai.database.close()
