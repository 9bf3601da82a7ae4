"""What expressions come to without the world: a folder's own defaults, variable files and locals; files of the repository."""

from __future__ import annotations

from typing import Any

from butai.inventory.document import document
from butai.inventory.model import Graph
from butai.inventory.values import Values
from butai.terraform.hcl_literals import UNKNOWN
from support.written import WrittenBeside, graph_of

FILES = {
    "live/main.tf": """
        variable "name" { default = "web" }
        variable "size" {
          type    = number
          default = "2"
        }
        variable "region" {}
        variable "key" {
          default   = "hunter2"
          sensitive = true
        }
        locals {
          full  = "${var.name}-${terraform.workspace}"
          twice = var.size * 2
          menu  = yamldecode(file("${path.module}/menu.yaml")).digits
          far   = aws_vpc.main.id
          mixed = [var.name, aws_vpc.main.id]
        }
        resource "aws_vpc" "main" {
          cidr_block = cidrsubnet("10.0.0.0/8", 8, var.size)
          tags       = { Name = local.full }
          depends_on = [aws_eip.one]
        }
        resource "aws_eip" "one" { count = var.size }
    """,
    "live/terraform.tfvars": 'name = "api"\nregion = "eu-west-1"\n',
    "live/a.auto.tfvars": 'region = "eu-west-2"\n',
    "live/staging.tfvars": 'region = "us-east-1"\n',
}
MENU = WrittenBeside({"live/menu.yaml": b"digits: [1, 2]\n"})


def values(graph: Graph, address: str, workspace: str | None = None) -> dict[str, Any]:
    return Values(graph, MENU, workspace).of(graph.nodes[f"live:{address}"])


def test_variables_have_what_the_files_that_are_read_by_themselves_give_them() -> None:
    graph = graph_of(FILES)
    assert values(graph, "var.name") == {"value": "api"}
    assert values(graph, "var.region") == {"value": "eu-west-2"}, (
        "the later file wins, and `staging.tfvars` is nobody's"
    )
    assert values(graph, "var.size") == {"value": 2}, "in its declared type"
    assert values(graph, "var.key") == {}, "what is sensitive is not told"


def test_locals_and_attributes_come_to_what_the_engine_would_say() -> None:
    graph = graph_of(FILES)
    assert values(graph, "local.twice") == {"value": 4}
    assert values(graph, "local.menu") == {"value": [1, 2]}
    assert values(graph, "local.full") == {"value": UNKNOWN}
    assert values(graph, "local.full", workspace="qa") == {"value": "api-qa"}
    found = values(graph, "aws_vpc.main", workspace="qa")
    assert found == {"cidr_block": "10.2.0.0/16", "tags": {"Name": "api-qa"}}


def test_what_only_the_world_can_tell_is_unknown_as_a_whole() -> None:
    graph = graph_of(FILES)
    assert values(graph, "local.far") == values(graph, "local.mixed") == {"value": UNKNOWN}


def test_the_document_tells_values_and_what_is_unknown() -> None:
    graph = graph_of(FILES)
    nodes = {each["address"]: each for each in document(graph, Values(graph, MENU))["nodes"]}
    assert nodes["local.twice"]["values"] == {"value": 4} and nodes["local.twice"]["unknown"] == []
    assert nodes["local.far"]["values"] == {} and nodes["local.far"]["unknown"] == ["value"]
    assert "values" not in document(graph)["nodes"][0]


SHARED = """
    variable "size" { default = "small" }
    variable "words" { default = "of its own" }
    locals {
      both = "${var.size} ${var.words}"
      here = path.module
      menu = file("${path.module}/menu.txt")
      beside = file("beside.txt")
    }
"""
CALLS = 'module "one" {\n  source = "../modules/one"\n  size = "%s"\n}\n'


def _in_module(files: dict[str, str], address: str, **beside: bytes) -> Any:
    content = WrittenBeside(
        {"modules/one/menu.txt": b"soup", **{f"{root}/beside.txt": each for root, each in beside.items()}}
    )
    graph = graph_of({"modules/one/main.tf": SHARED, **files})
    return Values(graph, content).of(graph.nodes[f"modules/one:{address}"])["value"]


def test_a_module_has_what_its_call_hands_in_and_nothing_of_its_own_variable_file() -> None:
    files = {"live/main.tf": CALLS % "large", "modules/one/terraform.tfvars": 'words = "of nobody"'}
    assert _in_module(files, "local.both") == "large of its own"
    assert _in_module(files, "local.here") == "../modules/one"
    assert _in_module(files, "local.menu") == "soup"


def test_where_calls_differ_it_is_unknown() -> None:
    files = {"live/main.tf": CALLS % "large", "test/main.tf": CALLS % "small"}
    assert _in_module(files, "local.both") is UNKNOWN
    same = {"live/main.tf": CALLS % "large", "test/main.tf": CALLS % "large"}
    assert _in_module(same, "local.both") == "large of its own"


def test_what_a_module_of_several_roots_reads_is_known_where_it_is_the_same_from_all() -> None:
    """The place that the engine gives it differs with the root's depth, the file that it reads there does not."""
    alike = {"live/main.tf": CALLS % "large", "test/main.tf": CALLS % "small"}
    assert _in_module(alike, "local.here") == "../modules/one"
    deeper = {"live/main.tf": CALLS % "large", "more/test/main.tf": CALLS.replace("../", "../../") % "large"}
    assert _in_module(deeper, "local.here") is UNKNOWN
    assert _in_module(deeper, "local.menu") == "soup"
    many = {f"live/{number}/main.tf": deeper["more/test/main.tf"] for number in range(17)}
    assert _in_module(many, "local.menu") is UNKNOWN, "too many to look from all"


def test_a_file_beside_the_root_is_another_one_from_each_root() -> None:
    files = {"live/main.tf": CALLS % "large", "test/main.tf": CALLS % "large"}
    assert _in_module(files, "local.beside", live=b"large", test=b"small") is UNKNOWN
    assert _in_module(files, "local.beside", live=b"large", test=b"large") == "large"
    assert _in_module(files, "local.beside", live=b"large") is UNKNOWN, "the engine fails in the other"
