"""A graph that takes from the one before what no change has reached is the graph that is read anew."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.inventory.build import Known
from butai.inventory.model import Edge, Graph, Uses
from butai.inventory.reading import read_graph
from butai.terraform.hcl_blocks import Parsed
from support.written import Written

pytestmark = pytest.mark.model

# Each changes something that another folder's nodes, edges or problems hang on.
TEXTS = (
    'module "a" {\n  source = "./a"\n  one = aws_lb.main.arn\n}\noutput "all" {\n  value = [module.a, module.a.one]\n}\n'
    'resource "aws_lb" "main" {}\n',
    'module "a" {\n  source = "../b"\n  providers = { aws.x = aws.y }\n}\nresource "aws_lb" "main" {\n  n = module.a.one\n}\n',
    'module "a" {\n  source = "./b"\n  depends_on = [var.one]\n}\nvariable "one" {}\n',
    'module "r" {\n  source = "hashicorp/x/aws"\n  version = "1.0"\n}\nprovider "aws" {\n  alias = "y"\n}\n',
    'variable "one" {}\noutput "one" {\n  value = aws_lb.main.arn\n}\nresource "aws_lb" "main" {\n  name = var.one\n}\n',
    'output "one" {\n  value = local.gone\n}\n# Nothing else.\n',
    'terraform {\n  backend "s3" {\n    bucket = "b"\n    key = "k"\n  }\n}\n',
    'data "terraform_remote_state" "x" {\n  backend = "s3"\n  config = { bucket = "b", key = "k" }\n}\n',
    'resource "aws_lb" "main" {\n  provider = aws.y\n',
    'locals {\n  one = "1"\n}\n',
    "",
)
JSON = tuple(json.dumps({"variable": {"one": {"default": each}}}) for each in ("true", True, 1, "${local.x}"))
FILES = {
    **dict.fromkeys(("main.tf", "a/main.tf", "b/main.tf", "a/b/main.tf", "a/override.tf"), TEXTS),
    "a/more.tf.json": JSON,
    "b/terraform.tfvars.json": (*JSON, "{"),
    "a/x.tftest.hcl": ("",),
    "terragrunt.hcl": ("",),
}
changes = st.sampled_from(list(FILES)).flatmap(
    lambda path: st.tuples(st.just(path), st.sampled_from(FILES[path]) | st.none())
)


def everything(graph: Graph) -> dict[str, Any]:
    """All of a graph, and the values of expressions, which are no part of their being equal."""
    values = {node.id: [repr(each.value) for _, each in node.expressions()] for node in graph.nodes.values()}
    given = [
        repr(each.value)
        for module in graph.modules.values()
        for set_ in module.tfvars.values()
        for each in set_.values()
    ]
    parts = ("nodes", "edges", "modules", "problems", "handed", "terragrunt")
    order = (list(graph.nodes), list(graph.modules))
    return {**{name: getattr(graph, name) for name in parts}, "values": values, "given": given, "order": order}


@given(st.lists(st.lists(changes, min_size=1, max_size=3), min_size=3, max_size=8))
def test_after_any_changes_it_is_the_same(rounds: list[list[tuple[str, str | None]]]) -> None:
    files: dict[str, str] = {"main.tf": TEXTS[0], "a/main.tf": TEXTS[4], "b/main.tf": TEXTS[5]}
    cache: dict[str, Parsed] = {}
    known = Known()
    for changed in rounds:
        for path, content in changed:
            files.pop(path, None)
            files |= {path: content} if content is not None else {}
        again = read_graph(Written(files), cache, known=known)
        assert everything(again) == everything(read_graph(Written(files)))


def test_what_no_change_has_reached_is_the_very_same() -> None:
    files = {"main.tf": TEXTS[0], "a/main.tf": TEXTS[4], "b/main.tf": TEXTS[5]}
    cache: dict[str, Parsed] = {}
    known = Known()
    before = read_graph(Written(files), cache, known=known)
    after = read_graph(Written({**files, "a/main.tf": TEXTS[5]}), cache, known=known)
    assert after.nodes["b:output.one"] is before.nodes["b:output.one"]
    assert after.nodes["a:output.one"] is not before.nodes["a:output.one"]
    # A folder whose nodes are the same may have other edges, because of what it calls.
    assert after.nodes[".:output.all"] is before.nodes[".:output.all"]
    given = [Edge("a:var.one", ".:aws_lb.main", Uses.INPUT, "one", 3, ".:module.a")]
    assert [each for each in before.edges if each.source == "a:var.one"] == given
    assert [each for each in after.edges if each.source == "a:var.one"] == []


def test_values_of_json_that_look_alike_are_not_taken_for_the_same() -> None:
    cache: dict[str, Parsed] = {}
    known = Known()
    for content, value in ((JSON[0], "true"), (JSON[1], True)):
        graph = read_graph(Written({"main.tf.json": content}), cache, known=known)
        block = graph.nodes[".:var.one"].block
        assert block and block.value("default") == value and type(block.value("default")) is type(value)
