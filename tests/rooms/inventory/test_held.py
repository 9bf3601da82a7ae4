"""A root's code against one of its states: what is missing on either side, and which nodes hold what."""

from __future__ import annotations

import json
from typing import Any

from butai.inventory.held import held
from butai.terraform.state_index import StateInstance, index
from support.written import graph_of

FILES = {
    "live/main.tf": """
        module "net" { source = "../net" }
        module "many" {
          source   = "../net"
          for_each = toset(["a"])
        }
        module "far" { source = "terraform-aws-modules/vpc/aws" }
        resource "aws_eip" "one" {}
        resource "aws_eip" "some" { count = 0 }
    """,
    "net/main.tf": 'resource "aws_vpc" "this" {}\nresource "aws_subnet" "this" { count = 2 }\n',
}


def state(*addresses: tuple[str, str, Any]) -> list[StateInstance]:
    """Instances by module, `type.name` and key."""
    resources = [
        {
            **({"module": module} if module else {}),
            "mode": "managed",
            "type": name.split(".")[0],
            "name": name.split(".")[1],
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [{"attributes": {"id": f"i-{number}"}, **({} if key is None else {"index_key": key})}],
        }
        for number, (module, name, key) in enumerate(addresses)
    ]
    document = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x", "resources": resources}
    return index(json.dumps({**document, "outputs": {}}).encode())


def test_what_is_in_code_and_not_in_the_state() -> None:
    side = held(graph_of(FILES), "live", state(("module.net", "aws_vpc.this", None)))
    assert [each.path for each in side.joined.missing] == ["aws_eip.one"]
    perhaps = {"aws_eip.some", "module.net.aws_subnet.this", "module.many.aws_vpc.this", "module.many.aws_subnet.this"}
    assert {each.path for each in side.joined.perhaps_missing} == perhaps


def test_what_is_in_the_state_and_not_in_code() -> None:
    gone = state(("", "aws_eip.gone", None), ("module.old", "aws_vpc.this", None))
    side = held(graph_of(FILES), "live", gone)
    assert [each.address for each in side.joined.undeclared] == ["aws_eip.gone", "module.old.aws_vpc.this"]


def test_of_modules_from_elsewhere_nothing_is_said_but_how_many_there_are() -> None:
    side = held(graph_of(FILES), "live", state(("module.far.module.in[0]", "aws_vpc.this", 0)))
    assert side.elsewhere == 1 and side.joined.undeclared == () and side.by_node == {}


def test_instances_of_every_call_are_the_one_nodes() -> None:
    instances = state(("module.net", "aws_vpc.this", None), ('module.many["a"]', "aws_vpc.this", None))
    side = held(graph_of(FILES), "live", instances)
    assert [each.id for each in side.by_node["net:aws_vpc.this"]] == ["i-0", "i-1"]
