"""What is read out of files: every kind of node with its place and comments, overrides and twins, and every kind of edge."""

from __future__ import annotations

import json

import pytest

from butai.inventory.document import document
from butai.inventory.model import Graph, Kind, Uses
from butai.inventory.summary import summarise
from support.written import graph_of, told

MAIN = """\
# Where the state lies.
terraform {
  required_version = ">= 1.10"
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.0" }
    dns = "~> 3.0"
    dd  = {
      source                = "DataDog/datadog"
      configuration_aliases = [dd.eu]
    }
  }
  backend "s3" {
    bucket = "states"
    key    = "live"
  }
}

/* Two
   lines. */
# And one.
resource "aws_lb" "é́" {
  provider = aws.east # far
  name     = var.name
  tags     = local.tags
  depends_on = [aws_vpc.main]
  dynamic "listener" {
    for_each = var.ports
    content {
      port = listener.value.number
    }
  }
}
resource "aws_vpc" "main" {}

variable "name" {} # of all
variable "ports" {}

locals {
  # All of them.
  tags = {
    a = var.name
  } # behind
  one = 1
}

provider "aws" {
  alias = "east"
}
provider "aws" {}
data "aws_region" "here" {}
ephemeral "random_password" "p" {}
output "lb" {
  value = aws_lb.é́.arn
}
module "net" { source = "./net" }
module "far" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "5.0"
}
moved {
  from = aws_lb.old
  to   = aws_lb.é́
}
import {
  to = aws_vpc.main
  id = "vpc-1"
}
removed {
  from = aws_lb.gone
}
check "up" {
  data "http" "page" {
    url = aws_lb.é́.dns_name
  }
  assert {
    condition     = data.http.page.status_code == 200
    error_message = "Down."
  }
}
"""


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of(
        {
            "live/main.tf": MAIN,
            "live/terraform.tfvars": 'name = "web"\n',
            "live/all.tftest.hcl": "run {}\n",
            "live/net/main.tf": 'resource "aws_eip" "e" {}\n',
        }
    )


def uses(graph: Graph, source: str) -> set[tuple[str, Uses]]:
    return {(each.target.removeprefix("live:"), each.uses) for each in graph.uses[f"live:{source}"]}


def test_every_kind_of_node(graph: Graph) -> None:
    assert told(graph) == []
    assert {each.kind for each in graph.nodes.values()} == set(Kind) - {Kind.OTHER}
    found = {each.address: each.kind for each in graph.in_module("live")}
    assert found["removed.aws_lb.gone"] is Kind.REMOVED
    assert found["moved.aws_lb.old"] is Kind.MOVED
    assert found["import.aws_vpc.main"] is Kind.IMPORT
    assert found["data.http.page"] is Kind.DATA
    assert found["backend.s3"] is Kind.BACKEND
    assert found["provider.aws"] is found["provider.aws.east"] is Kind.PROVIDER


def test_places_are_those_of_the_text(graph: Graph) -> None:
    """Every node's place, cut out of the file, is what was written."""
    lines = MAIN.splitlines()
    for node in graph.in_module("live"):
        assert node.file == "live/main.tf"
        first, last = lines[node.line - 1], lines[node.end_line - 1]
        begins = node.name if node.kind is Kind.LOCAL else node.block.type if node.block else ""
        assert first[node.column - 1 :].startswith(begins)
        assert last[: node.end_column - 1][-1] in "}1"
    lb = graph.nodes["live:aws_lb.é́"]
    assert (lb.line, lb.column, lb.end_line, lb.end_column) == (21, 1, 32, 2)
    tags = graph.nodes["live:local.tags"]
    assert (tags.line, tags.column, tags.end_line, tags.end_column) == (40, 3, 42, 4)
    # A combining mark belongs to its letter.
    value = dict(graph.nodes["live:output.lb"].expressions())["value"]
    assert (value.line, value.column, value.end_column) == (53, 3, 23)


def test_comments_above_and_inside(graph: Graph) -> None:
    assert [each.text for each in graph.nodes["live:terraform"].comments] == ["# Where the state lies."]
    said = [(each.text, each.line) for each in graph.nodes["live:aws_lb.é́"].comments]
    assert said == [("/* Two\n   lines. */", 18), ("# And one.", 20), ("# far", 22)]
    assert [each.text for each in graph.nodes["live:local.tags"].comments] == ["# All of them.", "# behind"]
    assert graph.nodes["live:local.one"].comments == ()
    assert [each.text for each in graph.nodes["live:var.name"].comments] == ["# of all"]
    assert graph.nodes["live:var.ports"].comments == ()


def test_expressions_as_written(graph: Graph) -> None:
    said = {name: each.text for name, each in graph.nodes["live:aws_lb.é́"].expressions()}
    assert said["listener.for_each"] == "var.ports"
    assert said["listener.content.port"] == "listener.value.number"
    assert dict(graph.nodes["live:local.tags"].expressions())["value"].text == "{\n    a = var.name\n  }"


def test_every_kind_of_edge(graph: Graph) -> None:
    assert uses(graph, "aws_lb.é́") == {
        ("var.name", Uses.REFERENCE),
        ("var.ports", Uses.REFERENCE),
        ("local.tags", Uses.REFERENCE),
        ("aws_vpc.main", Uses.DEPENDS_ON),
        ("provider.aws.east", Uses.PROVIDER),
    }
    assert uses(graph, "data.http.page") == {("aws_lb.é́", Uses.REFERENCE)}
    assert uses(graph, "check.up") == {("data.http.page", Uses.REFERENCE)}
    assert uses(graph, "module.net") == {("live/net", Uses.SOURCE), ("provider.aws", Uses.PROVIDER)}
    assert uses(graph, "module.far") == {("terraform-aws-modules/vpc/aws", Uses.SOURCE)}
    assert uses(graph, "moved.aws_lb.old") == {("aws_lb.é́", Uses.REFERENCE)}
    assert "live:provider.aws" in graph.needs("live/net:aws_eip.e")


def test_what_a_folder_holds(graph: Graph) -> None:
    live = graph.modules["live"]
    assert live.requirements == {
        "aws": ("hashicorp/aws", "~> 5.0"),
        "dns": ("hashicorp/dns", "~> 3.0"),
        "dd": ("DataDog/datadog", ""),
    }
    assert live.required_version == ">= 1.10"
    assert live.tests == ("live/all.tftest.hcl",)
    assert live.tfvars["live/terraform.tfvars"]["name"].value == "web"
    assert graph.nodes["terraform-aws-modules/vpc/aws"].type == "5.0"


def test_a_summary_and_a_document(graph: Graph) -> None:
    summary = summarise(graph)
    assert [(each.folder, each.resources, each.modules, each.backend) for each in summary.roots] == [
        ("live", 3, 1, "s3")
    ]
    assert summary.providers["DataDog/datadog"] == []
    assert summary.needed[0].node.address == "aws_lb.é́"
    written = json.loads(json.dumps(document(graph)))
    assert len(written["nodes"]) == len(graph.nodes)
    assert {"from", "to", "uses", "attribute", "line", "call"} == set(written["edges"][0])


def test_remote_state_leads_to_the_root_whose_state_it_is() -> None:
    reader = """
        data "terraform_remote_state" "live" {
          backend = "s3"
          config = {
            bucket = "states"
            key    = "live"
          }
        }
    """
    graph = graph_of({"live/main.tf": MAIN, "app/main.tf": reader, "lost/main.tf": reader.replace('"live"\n', '"x"\n')})
    found = [(each.source, each.target) for each in graph.edges if each.uses is Uses.REMOTE_STATE]
    assert found == [("app:data.terraform_remote_state.live", "live:backend.s3")]


def test_overrides_in_the_engines_order() -> None:
    graph = graph_of(
        {
            "a.tf": 'resource "x_y" "r" {\n  a = 1\n  b = 2\n  c {\n    d = 3\n  }\n'
            "  lifecycle {\n    e = 4\n    f = 5\n  }\n}\n",
            "b_override.tf": 'resource "x_y" "r" {\n  a = 10\n  c {\n    g = 6\n  }\n  lifecycle {\n    e = 40\n  }\n}\n',
            "override.tf": 'resource "x_y" "r" {\n  a = 100\n}\nlocals {\n  new = 1\n}\n',
            "not.an_override.tf.json": '{"resource": {"x_y": {"r": {"b": 20}}}}',
            "overrides.tf": "locals {\n  own = 1\n}\n",
        }
    )
    node = graph.nodes[".:x_y.r"]
    found = {name: each.value for name, each in node.expressions()}
    assert found == {"a": 100, "b": 20, "c.g": 6, "lifecycle.e": 40, "lifecycle.f": 5}
    assert node.file == "a.tf"
    assert node.overridden_in == ("b_override.tf:1", "not.an_override.tf.json:1", "override.tf:1")
    assert {".:local.new", ".:local.own"} <= graph.nodes.keys()
    assert told(graph) == []


def test_an_override_of_a_dynamic_block_and_of_a_backend() -> None:
    graph = graph_of(
        {
            "a.tf": 'terraform {\n  backend "s3" {}\n}\n'
            'resource "x_y" "r" {\n  dynamic "c" {\n    for_each = []\n    content {}\n  }\n}\n',
            "override.tf": 'terraform {\n  backend "local" {}\n}\nresource "x_y" "r" {\n  c {\n    d = 1\n  }\n}\n',
        }
    )
    assert [name for name, _ in graph.nodes[".:x_y.r"].expressions()] == ["c.d"]
    assert [each.name for each in graph.nodes.values() if each.kind is Kind.BACKEND] == ["local"]


def test_twins_by_the_engine_one_reads_for() -> None:
    files = {
        "x.tf/main.tf": "locals {\n  in = 1\n}\n",
        "x.tf/main.tofu": "locals {\n  out = 1\n}\n",
        "x.tf/more.tf.json": '{"locals": {"more": 1}}',
        "x.tf/more.tofu.json": '{"locals": {"other": 1}}',
        "x.tf/only.tofu": "locals {\n  only = 1\n}\n",
    }

    def found(engine: str) -> set[str]:
        return {each.name for each in graph_of(files, engine).nodes.values() if each.kind is Kind.LOCAL}

    assert found("terraform") == {"in", "more"}
    assert found("tofu") == found("") == {"out", "other", "only"}


def test_other_files_are_nobodys_configuration() -> None:
    graph = graph_of(
        {
            ".terraform/modules/m/main.tf": "locals {\n  a = 1\n}\n",
            "#main.tf": "locals {\n  b = 1\n}\n",
            ".hidden.tf": "locals {\n  c = 1\n}\n",
            "main.tf~": "locals {\n  d = 1\n}\n",
        }
    )
    assert [each.kind for each in graph.nodes.values()] == [Kind.REPOSITORY]


def test_what_is_declared_twice_or_not_at_all() -> None:
    graph = graph_of({"a.tf": "locals {\n  a = var.x\n}\n", "b.tf": "locals {\n  a = local.y\n  b = var.x\n}\n"})
    assert told(graph) == [
        "a.tf:2: `var.x` is not declared in `.`",
        "b.tf:2: `local.a` is declared twice; here is the second one",
    ]
    assert dict(graph.nodes[".:local.a"].expressions())["value"].text == "var.x"


def test_where_terragrunt_runs_the_engine_what_is_missing_may_be_written_then() -> None:
    graph = graph_of(
        {
            "live/terragrunt.hcl": 'terraform {\n  source = "../m"\n}\n',
            "m/main.tf": 'resource "x_y" "r" {\n  a = var.x\n  b = var.y\n}\n',
        }
    )
    assert told(graph) == [
        "m/main.tf:2: `m` uses names that are declared nowhere in it (2): Terragrunt may write them when it runs"
    ]
    assert summarise(graph).roots[0].backend == "terragrunt"


def test_providers_come_down_from_callers() -> None:
    inner = 'resource "aws_x" "r" {\n  provider = aws.far\n}\nresource "aws_x" "plain" {}\n'
    graph = graph_of(
        {
            "live/main.tf": 'provider "aws" {\n  alias = "east"\n  region = local.r\n}\nlocals {\n  r = 1\n}\nprovider "aws" {}\n'
            'module "m" {\n  source = "../m"\n  providers = {\n    aws.mid = aws.east\n  }\n}\n',
            "m/main.tf": 'module "n" {\n  source = "../n"\n  providers = { aws.far = aws.mid }\n}\n',
            "n/main.tf": inner,
            "json/main.tf.json": json.dumps(
                {
                    "provider": {"aws": [{"alias": "west"}]},
                    "module": {"n": {"source": "../n", "providers": {"aws.far": "aws.west"}}},
                }
            ),
        }
    )
    assert graph.needs("n:aws_x.r") >= {"live:provider.aws.east", "live:local.r", "json:provider.aws.west"}
    assert "live:provider.aws" in graph.needs("n:aws_x.plain")
    assert "live:local.r" not in graph.needs("n:aws_x.plain")
    assert "n:aws_x.r" in graph.impact("live:local.r")
    assert {each.target for each in graph.uses["live:module.m"] if each.uses is Uses.PROVIDER} == {
        "live:provider.aws.east",
        "live:provider.aws",
    }


def test_the_same_in_json() -> None:
    graph = graph_of(
        {
            "main.tf.json": json.dumps(
                {
                    "//": "On top.",
                    "resource": {"x_y": {"r": {"//": "Why.", "a": "${var.v}", "depends_on": ["x_y.s"]}, "s": [{}, {}]}},
                    "variable": {"v": {}},
                    "locals": {"l": "é ${x_y.r.id}"},
                },
                indent=2,
                ensure_ascii=False,
            )
        }
    )
    assert told(graph) == ["main.tf.json:14: `x_y.s` is declared twice; here is the second one"]
    node = graph.nodes[".:x_y.r"]
    assert (node.line, node.column, node.end_line, node.end_column) == (5, 7, 11, 8)
    assert [each.text for each in node.comments] == ["Why."]
    assert {(each.target, each.uses) for each in graph.uses[".:x_y.r"]} == {
        (".:var.v", Uses.REFERENCE),
        (".:x_y.s", Uses.DEPENDS_ON),
    }
    local = graph.nodes[".:local.l"]
    assert (local.column, local.end_column) == (5, 25)
