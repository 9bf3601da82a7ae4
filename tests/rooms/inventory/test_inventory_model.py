"""The graph's questions: addresses, modules under a root, what needs what, and what is around."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.inventory import model
from butai.inventory.model import Edge, Graph, Kind, Module, Node, Uses
from butai.terraform.state_index import without_indexes
from support.written import graph_of

pytestmark = pytest.mark.model

MODULES = {
    "live/main.tf": """
        variable "zone" {}
        resource "aws_vpc" "main" {}
        resource "aws_eip" "spare" {}
        module "net" {
          source     = "../net"
          zone       = var.zone
          vpc        = aws_vpc.main.id
          depends_on = [aws_eip.spare]
        }
        module "other" {
          source = "git::https://example.com/other.git"
          vpc    = aws_vpc.main.id
        }
        resource "aws_lb" "main" {
          subnets = module.net.ids
        }
        resource "aws_lb" "other" {
          subnets = module.other.ids
        }
    """,
    "test/main.tf": """
        resource "aws_vpc" "test" {}
        module "net" {
          source = "../net"
          zone   = "a"
          vpc    = aws_vpc.test.id
        }
        output "ids" {
          value = module.net["a"].ids
        }
    """,
    "net/main.tf": """
        variable "zone" {}
        variable "vpc" {}
        module "one" {
          source = "../subnet"
          vpc    = var.vpc
        }
        resource "aws_route" "alone" {}
        output "ids" {
          value = module.one.id
        }
    """,
    "subnet/main.tf": """
        variable "vpc" {}
        resource "aws_subnet" "this" {
          vpc_id = var.vpc
        }
        output "id" {
          value = aws_subnet.this.id
        }
    """,
}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of(MODULES)


def test_roots_are_what_nobody_calls(graph: Graph) -> None:
    assert [each.folder for each in graph.roots()] == ["live", "test"]
    assert graph.nodes["live"].kind is Kind.ROOT
    assert graph.nodes["net"].kind is Kind.MODULE


def test_a_root_is_expanded_as_the_engine_sees_it(graph: Graph) -> None:
    assert list(graph.expand("live")) == [("", "live"), ("module.net.", "net"), ("module.net.module.one.", "subnet")]
    found = graph.find("live", 'module.net["a"].module.one[0].aws_subnet.this["x.y"]')
    assert found is graph.nodes["subnet:aws_subnet.this"]
    assert graph.find("live", "aws_vpc.main[0]") is graph.nodes["live:aws_vpc.main"]
    assert graph.find("live", "module.net") is graph.nodes["live:module.net"]
    assert graph.find("live", "module.nothing.aws_vpc.main") is None
    assert graph.find("live", "module.other.aws_vpc.main") is None
    assert graph.find("nowhere", "module.net.aws_vpc.main") is None


def test_what_is_needed_goes_through_modules_and_not_to_their_other_callers(graph: Graph) -> None:
    needs = graph.needs("live:aws_lb.main")
    assert {"subnet:aws_subnet.this", "live:aws_vpc.main", "live:aws_eip.spare", "net:output.ids"} <= needs
    assert not needs & {"test:aws_vpc.test", "live:var.zone", "net:aws_route.alone", "live", ""}
    assert graph.needs("subnet:aws_subnet.this") >= {"live:aws_vpc.main", "test:aws_vpc.test", "live:aws_eip.spare"}
    assert graph.needs("live:aws_vpc.main") == set()


def test_what_a_module_from_elsewhere_gives_needs_all_that_it_gets(graph: Graph) -> None:
    assert "live:aws_vpc.main" in graph.needs("live:aws_lb.other")


def test_impact_is_the_same_backwards(graph: Graph) -> None:
    assert graph.impact("test:aws_vpc.test") >= {"test:output.ids", "test:module.net", "subnet:aws_subnet.this"}
    assert not {"live:aws_lb.main", "net:aws_route.alone"} & graph.impact("test:aws_vpc.test")
    assert "net:aws_route.alone" in graph.impact("live:aws_eip.spare")
    for start in graph.nodes:
        if graph.nodes[start].kind not in {Kind.ROOT, Kind.MODULE, Kind.CALL}:
            assert {each for each in graph.nodes if start in graph.needs(each)} >= graph.impact(start) - {
                each for each in graph.nodes if graph.nodes[each].kind is Kind.CALL
            }


def test_a_call_needs_what_is_in_it_and_a_change_of_it_reaches_that(graph: Graph) -> None:
    assert graph.needs("live:module.net") >= {
        "net:aws_route.alone",
        "subnet:aws_subnet.this",
        "live:aws_vpc.main",
        "net",
    }
    assert graph.impact("live:module.net") >= {"net:aws_route.alone", "subnet:aws_subnet.this", "live:aws_lb.main"}
    assert "test:output.ids" not in graph.impact("live:module.net")


def test_a_folder_stands_for_all_that_is_in_it(graph: Graph) -> None:
    assert graph.impact("subnet") >= {"net:module.one", "live:aws_lb.main", "test:output.ids"}
    assert graph.needs("test") >= {"subnet:aws_subnet.this", "test:aws_vpc.test"}
    assert graph.impact("nowhere") == set()


def test_around_a_node(graph: Graph) -> None:
    assert graph.around("live:aws_lb.main", 0) == {"live:aws_lb.main": 0}
    near = graph.around("live:aws_lb.main", 1)
    assert near == {"live:aws_lb.main": 0, "live:module.net": 1, "net:output.ids": 1}
    assert graph.around("live:aws_lb.main", 2)["live:aws_vpc.main"] == 2


def test_the_digest_is_of_what_is_shown(graph: Graph) -> None:
    assert graph.digest == graph_of(MODULES).digest
    assert graph.digest != graph_of({**MODULES, "live/more.tf": "locals {\n  a = 1\n}\n"}).digest
    assert len(graph_of({}).digest) == 64


def test_modules_in_a_circle_come_to_an_end() -> None:
    graph = graph_of(
        {
            "a/main.tf": 'module "b" {\n source = "../b"\n in = 1\n}\n',
            "b/main.tf": 'variable "in" {}\nmodule "a" {\n source = "../a"\n count = var.in\n}\n',
            "c/main.tf": 'module "a" {\n source = "../a"\n}\noutput "o" {\n value = module.a\n}\n',
        }
    )
    assert list(graph.expand("a")) == [("", "a"), ("module.b.", "b")]
    assert graph.needs("c:output.o") >= {"a:module.b", "b:module.a"}
    assert [str(each.what) for each in graph.problems] == ["modules call each other in a circle, from here to `a`"]


def test_what_has_too_many_addresses_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "MOST_CALLS", 50)
    files = {
        f"m{n}/main.tf": f'module "a" {{\n source = "../m{n + 1}"\n}}\nmodule "b" {{\n source = "../m{n + 1}"\n}}\n'
        for n in range(20)
    }
    graph = graph_of({**files, "m20/main.tf": 'output "o" {\n value = 1\n}\n'})
    assert len(list(graph.expand("m0"))) == 50


def test_edges_may_name_what_is_no_node() -> None:
    graph = Graph(
        "r", {"": Node("", Kind.REPOSITORY, "", "", "r")}, [Edge("", "gone", Uses.SOURCE)], {"a": Module("a")}
    )
    assert graph.needs("") == set()
    assert graph.around("", 1) == {"": 0, "gone": 1}


NAMES = st.from_regex(r"\A[a-z_][a-z0-9_-]{0,5}\Z")
KEYS = st.one_of(
    st.just(""),
    st.integers(0, 99).map(lambda number: f"[{number}]"),
    st.text(max_size=6).map(lambda text: '["' + text.replace("\\", "\\\\").replace('"', '\\"') + '"]'),
)


@given(st.lists(st.tuples(NAMES, KEYS), min_size=1, max_size=5))
def test_keys_are_left_out_whatever_is_in_them(steps: list[tuple[str, str]]) -> None:
    assert without_indexes(".".join(name + key for name, key in steps)) == ".".join(name for name, _ in steps)
