"""The graph against Terraform's own view: what a plan says is configured, and what `terraform graph` can reach.

A plan for nothing needs no cloud, and its configuration is whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from butai.demo.team import examples_folder
from butai.inventory.model import Graph
from butai.inventory.reading import WorkingFolder, read_graph
from butai.terraform.hcl_syntax import parse_hcl
from support.generated_hcl import Project, called_by_one_root, projects
from support.go_hcl import differences, read, shape
from support.terraform_view import View, configured_otherwise, reached_otherwise

pytestmark = [pytest.mark.timeout(300)]


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def compared(folder: Path) -> Graph:
    view, graph = View(folder), read_graph(WorkingFolder(folder))
    assert [str(each.what) for each in graph.problems] == []
    assert configured_otherwise(graph, ".", view.configuration()) == []
    assert reached_otherwise(graph, ".", view.leads()) == []
    return graph


EVERYTHING = {
    "main.tf": """
terraform {
  required_version = ">= 1.10"
}
provider "terraform" {
  alias = "other"
}
variable "given" {
  default = "a"
}
variable "secret" {
  default   = "s"
  ephemeral = true
}
locals {
  # Through a local value.
  first = terraform_data.first.output
}
resource "terraform_data" "first" {
  input = var.given
}
resource "terraform_data" "second" {
  provider         = terraform.other
  for_each         = toset(["a"])
  input            = local.first
  triggers_replace = [terraform_data.first.id, each.key]
  lifecycle {
    ignore_changes       = [input]
    replace_triggered_by = [terraform_data.trigger]
    precondition {
      condition     = terraform_data.condition.id != ""
      error_message = "It has none."
    }
  }
  provisioner "local-exec" {
    command = "echo ${terraform_data.provisioner.id} ${self.id}"
  }
}
resource "terraform_data" "trigger" {}
resource "terraform_data" "condition" {}
resource "terraform_data" "provisioner" {}
resource "terraform_data" "dependency" {}
resource "terraform_data" "counted" {}
module "net" {
  source     = "./net"
  for_each   = { x = terraform_data.counted.id }
  one        = terraform_data.first.id
  two        = terraform_data.second["a"].id
  depends_on = [terraform_data.dependency]
  providers  = { terraform = terraform.other }
}
module "plain" {
  source = "./net"
  one    = "1"
  two    = module.net["x"].constant
}
resource "terraform_data" "by_name" {
  input = module.net["x"].one
}
resource "terraform_data" "by_index" {
  input = module.net[var.given].one
}
resource "terraform_data" "by_splat" {
  input = values(module.net)[*].one
}
resource "terraform_data" "whole" {
  input = module.plain
}
resource "terraform_data" "waiting" {
  depends_on = [module.plain]
}
resource "terraform_data" "deep" {
  input = module.plain.deep
}
resource "terraform_data" "constant" {
  input = module.net["x"].constant
}
moved {
  from = terraform_data.old
  to   = terraform_data.first
}
import {
  to = terraform_data.counted
  id = "x"
}
removed {
  from = terraform_data.gone
  lifecycle {
    destroy = false
  }
}
check "alive" {
  data "terraform_remote_state" "alive" {
    backend = "local"
    config  = { path = terraform_data.first.id }
  }
  assert {
    condition     = data.terraform_remote_state.alive.outputs != null
    error_message = "Not alive: ${terraform_data.condition.id}"
  }
}
output "url" {
  value      = local.first
  depends_on = [module.net]
}
""",
    "net/main.tf": """
variable "one" {}
variable "two" {}
resource "terraform_data" "one" {
  input = var.one
}
resource "terraform_data" "two" {
  input = var.two
}
resource "terraform_data" "alone" {}
module "deep" {
  source = "../deep"
  given  = terraform_data.one.id
}
output "one" {
  value = terraform_data.one.id
}
output "deep" {
  value = module.deep.made
}
output "constant" {
  value = 1
}
""",
    "deep/main.tf.json": """{
  "variable": {"given": {}},
  "resource": {"terraform_data": {"made": {"input": "${var.given}"}, "alone": {"depends_on": ["terraform_data.made"]}}},
  "output": {"made": {"value": "${terraform_data.made.id}"}}
}""",
}


def test_everything_that_needs_no_provider(tmp_path: Path) -> None:
    write(tmp_path, EVERYTHING)
    graph = compared(tmp_path)
    # What a module's own calls hold waits too, and what a module gives is not what another output of it needs.
    assert {".:terraform_data.counted", ".:terraform_data.dependency"} <= graph.needs("deep:terraform_data.alone")
    assert ".:terraform_data.second" not in graph.needs(".:terraform_data.by_name")


def test_the_example_teams_roots_as_modules_of_one_root(tmp_path: Path) -> None:
    infra = examples_folder() / "ivr" / "infra"
    for name in ("base", "staging"):
        shutil.copytree(infra / name, tmp_path / name, ignore=shutil.ignore_patterns(".terraform*"))
    given = 'environment = "qa-1"\n listener_priority = 1\n web_image = "w"\n api_image = "a"\n worker_image = "k"'
    calls = f'module "base" {{\n source = "./base"\n}}\nmodule "staging" {{\n source = "./staging"\n {given}\n}}\n'
    (tmp_path / "main.tf").write_text(calls)
    graph = compared(tmp_path)
    assert len(graph.needs("staging:aws_ecs_service.api")) > 20


# No shrinking: it would start terraform hundreds of times.
@settings(
    max_examples=6,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(projects(), min_size=6, max_size=6))
def test_whatever_is_written(tmp_path_factory: pytest.TempPathFactory, made: list[Project]) -> None:
    folder = tmp_path_factory.mktemp("made")
    files = called_by_one_root(made)
    write(folder, files)
    compared(folder)
    for name, text in files.items():
        if name.endswith(".tf"):
            theirs = read(text.encode())
            assert theirs is not None
            assert list(differences(shape(parse_hcl(text.encode(), name).body), theirs)) == []
    shutil.rmtree(folder)
