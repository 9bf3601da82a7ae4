"""A graph that was made out of the one before it is the graph that would have been made anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.inventory.memory import Memory
from butai.inventory.model import Graph
from butai.inventory.reading import Cache, read_graph
from support.written import Written

pytestmark = pytest.mark.model

# What a file of each folder may hold at one time or another.
VERSIONS = {
    "live/main.tf": [
        'module "net" { source = "../modules/net" }\nresource "aws_lb" "x" { subnets = module.net.ids }',
        'module "net" {\n  source = "../modules/net"\n  name = local.n\n  depends_on = [aws_lb.x]\n}\nlocals { n = 1 }\n'
        'resource "aws_lb" "x" {}\nprovider "aws" { region = "x" }',
        'module "net" { source = "../modules/other" }\nresource "aws_lb" "x" { subnets = module.net }',
        'resource "aws_lb" "x" { subnets = var.gone }',
        "resource {",
    ],
    "live/more.tf": ['output "ids" { value = module.net.ids }', 'provider "aws" { alias = "east" }'],
    "modules/net/main.tf": [
        'output "ids" { value = aws_subnet.a.id }\nresource "aws_subnet" "a" {}',
        'variable "name" {}\nresource "aws_subnet" "a" { tags = var.name }',
        'module "deep" { source = "../other" }\noutput "ids" { value = module.deep.ids }',
    ],
    "modules/other/main.tf": [
        'output "ids" { value = 1 }',
        'terraform {\n  backend "s3" {}\n}',
        'module "net" { source = "../net" }',
    ],
}


@st.composite
def commits(draw: st.DrawFn) -> dict[str, str]:
    held = {path: draw(st.sampled_from([None, *versions])) for path, versions in VERSIONS.items()}
    return {path: content for path, content in held.items() if content is not None}


def whole(graph: Graph) -> tuple[object, ...]:
    return list(graph.nodes.items()), graph.edges, graph.handed, graph.modules, graph.problems


@given(st.lists(commits(), min_size=2, max_size=5))
def test_whatever_came_before(history: list[dict[str, str]]) -> None:
    cache: Cache = {}
    memory = Memory()
    for files in history:
        assert whole(read_graph(Written(files), cache, memory=memory)) == whole(read_graph(Written(files)))


def test_what_did_not_change_is_not_worked_out_again() -> None:
    files = {path: versions[0] for path, versions in VERSIONS.items()}
    cache: Cache = {}
    memory = Memory()
    before = read_graph(Written(files), cache, memory=memory)
    beside = memory.copy()
    changed = {**files, "modules/other/main.tf": 'output "ids" { value = 2 }'}
    after = read_graph(Written(changed), cache, memory=memory)
    kept, new = "live:aws_lb.x", "modules/other:output.ids"
    assert after.nodes[kept] is before.nodes[kept] and after.nodes[new] is not before.nodes[new]
    # The copy still stands where it was taken.
    again = read_graph(Written(files), cache, memory=beside)
    assert again.nodes[new] is before.nodes[new]
