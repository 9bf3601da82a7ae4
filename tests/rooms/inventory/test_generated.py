"""The engine's generated code: what the provider refuses is left out, what says something stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.inventory.generated import mended
from butai.terraform.hcl_syntax import Block, parse_hcl

pytestmark = pytest.mark.model

HEAD = "# __generated__ by Terraform\n"


def one(written: str) -> Block:
    found = mended(HEAD + written)
    assert found.problem is None
    parsed = parse_hcl(found.hcl.encode(), "x.tf")
    assert parsed.problem is None, found.hcl
    return parsed.body.blocks[0]


def test_what_stands_for_nothing_is_left_out_and_the_rest_stays() -> None:
    block = one(
        """\
resource "aws_ecs_service" "web" {
  name          = "web"
  desired_count = 0
  iam_role      = null
  tags          = {}
  tags_all      = { Name = "web" }
  force         = false
  grace         = 0
  text          = ""
  policy = jsonencode({
    cpu  = 0
    list = []
  })
  rollback {
    enable = null
    deeper {
      none = null
    }
  }
  network {
    subnets = ["subnet-1"]
    groups  = []
  }
}
"""
    )
    assert list(block.attributes) == ["name", "desired_count", "force", "text", "policy"]
    assert "cpu  = 0" in block.text("policy"), "what is in an expression is a value of its own"
    [network] = block.blocks
    assert list(network.attributes) == ["subnets"]


@pytest.mark.parametrize(
    ("address", "kept", "left_out"), [("null", "subnets", "subnet_mapping"), ('"eipalloc-1"', "", "")]
)
def test_a_balancers_subnets_are_said_once(address: str, kept: str, left_out: str) -> None:
    block = one(
        f"""\
resource "aws_lb" "main" {{
  subnets = ["subnet-1"]
  subnet_mapping {{
    allocation_id = {address}
    subnet_id     = "subnet-1"
  }}
}}
"""
    )
    assert list(block.attributes) == ([kept] if kept else [])
    assert [each.type for each in block.blocks] == ([] if left_out else ["subnet_mapping"])


def test_what_a_person_has_to_write_is_told() -> None:
    written = """\
resource "aws_ssm_parameter" "p" {
  name  = "/p"
  value = null # sensitive
}
resource "aws_ssm_parameter" "q" {
  name  = "/q"
  value = "known"
}
"""
    assert mended(written).unfinished == {"aws_ssm_parameter.p": "value"}


def test_what_cannot_be_read_stays() -> None:
    found = mended('resource "x" {')
    assert (found.hcl, bool(found.problem)) == ('resource "x" {', True)


VALUES = st.sampled_from(["null", "0", "[]", "{}", '""', "false", '"$${x}"', "1", '["a"]', "jsonencode({\n  a = 0\n})"])
NAMES = st.sampled_from(["a", "b_c", "tags", "threshold"])


@given(st.dictionaries(NAMES, VALUES), st.dictionaries(NAMES, VALUES))
def test_mending_twice_is_mending_once_and_invents_nothing(outer: dict[str, str], inner: dict[str, str]) -> None:
    lines = "".join(f"  {name} = {value}\n" for name, value in outer.items())
    deeper = "".join(f"    {name} = {value}\n" for name, value in inner.items())
    written = f'resource "aws_x" "y" {{\n{lines}  block {{\n{deeper}  }}\n}}\n'
    once = mended(written).hcl
    assert mended(once).hcl == once
    block = parse_hcl(once.encode(), "x.tf").body.blocks[0]
    assert all(block.text(name) == outer[name] for name in block.attributes)
    assert "null" not in once
