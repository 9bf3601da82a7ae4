"""One attribute changed in place: every other byte stays, and Go reads the new value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from butai.terraform.hcl_blocks import Block
from butai.terraform.hcl_edit import EditError, remove_attribute, set_attribute
from butai.terraform.hcl_syntax import parse_hcl
from support.generated_hcl import Project, projects
from support.go_hcl import read

LB = ("resource", "aws_lb", "main")
FILE = b"""# Balances.
resource "aws_lb" "main" {
  name     = "web" # as it was
  internal = false

  access_logs {
    bucket = var.bucket
  }
}

module "a" {}
module "b" { source = "./b" }
"""


def test_a_value_is_replaced_and_nothing_else() -> None:
    assert set_attribute(FILE, LB, "name", "var.name") == FILE.replace(b'"web"', b"var.name")
    assert set_attribute(FILE, (*LB, "access_logs"), "bucket", "[\n1, # one\n]") == FILE.replace(
        b"var.bucket", b"[\n1, # one\n]"
    )


def test_a_new_attribute_stands_at_the_end_of_its_block_as_far_in_as_the_others() -> None:
    assert set_attribute(FILE, LB, "idle_timeout", "60") == FILE.replace(b"  }\n}", b"  }\n  idle_timeout = 60\n}")
    made = set_attribute(FILE, (*LB, "access_logs"), "prefix", "<<EOT\nx\nEOT")
    assert made == FILE.replace(b"  }\n}", b"    prefix = <<EOT\nx\nEOT\n  }\n}")


@pytest.mark.parametrize(
    ("source", "where", "made"),
    [
        ("a {}\n", ("a",), "a {\n  n = 1\n}\n"),
        ("a { x = 1 }\n", ("a",), "a {\n  x = 1 \n  n = 1\n}\n"),
        ("a {\n  b {}\n}\n", ("a", "b"), "a {\n  b {\n    n = 1\n  }\n}\n"),
        ("a {\r\n\tx = 1\r\n}\r\n", ("a",), "a {\r\n\tx = 1\r\n\tn = 1\r\n}\r\n"),
        ("a {\n}", ("a",), "a {\n  n = 1\n}"),
        ("a {\n  # empty\n}\n", ("a",), "a {\n  # empty\n  n = 1\n}\n"),
        ("\ufeffx = 1", (), "\ufeffx = 1\nn = 1\n"),
        ("", (), "n = 1\n"),
    ],
)
def test_where_a_new_attribute_stands(source: str, where: tuple[str, ...], made: str) -> None:
    assert set_attribute(source.encode(), where, "n", "1").decode() == made
    assert parse_hcl(made.encode(), "").problem is None


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("a {\n  x = 1\n  n = [\n    2,\n  ]\n}\n", "a {\n  x = 1\n}\n"),
        ("a {\n  n = 1 # why\n}\n", "a {\n   # why\n}\n"),
        ("a { n = 1 }\n", "a {  }\n"),
    ],
)
def test_an_attribute_is_removed_with_its_line(source: str, left: str) -> None:
    assert remove_attribute(source.encode(), ("a",), "n").decode() == left


@pytest.mark.parametrize(
    ("where", "name", "expression", "said"),
    [
        (LB, "name", "<<EOT\nx\nEOT", "follows on its last line"),
        (("module", "b"), "source", "<<EOT\nx\nEOT", "follows on its last line"),
        (LB, "name", "1\nother = 2", "not one expression"),
        (LB, "name", "1 # more", "not one expression"),
        (LB, "name", "", "not one expression"),
        (LB, "name", "1\n}\nmodule {", "not one expression"),
        (LB, "na me", "1", "no name"),
        (("resource", "aws_lb"), "name", "1", "no block"),
        ((*LB, "listener"), "name", "1", "no block `resource aws_lb main listener`"),
    ],
)
def test_what_would_change_more_is_refused(where: tuple[str, ...], name: str, expression: str, said: str) -> None:
    with pytest.raises(EditError) as caught:
        set_attribute(FILE, where, name, expression)
    assert said in caught.value.what


def test_what_cannot_be_found_or_read_is_refused() -> None:
    with pytest.raises(EditError, match="2 blocks"):
        set_attribute(b"a {}\na {}\n", ("a",), "n", "1")
    with pytest.raises(EditError, match="broken"):
        set_attribute(b"a {", ("a",), "n", "1")
    with pytest.raises(EditError, match="no `n` to remove"):
        remove_attribute(b"a {}\n", ("a",), "n")
    with pytest.raises(EditError, match="no block"):
        set_attribute(b"a {}\n", Block("b", (), 1), "n", "1")


def test_of_blocks_that_are_alike_one_is_named_by_itself() -> None:
    source = b"a {}\na {}\n"
    second = parse_hcl(source, "").body.blocks[1]
    assert set_attribute(source, second, "n", "1") == b"a {}\na {\n  n = 1\n}\n"
    assert set_attribute(b"x = 1\n", parse_hcl(b"x = 1\n", "").body, "x", "2") == b"x = 2\n"


EXPRESSIONS = {
    "7": 7,
    '"é $${x}"': "é ${x}",
    "[\n  1, # one\n  2,\n]": [1, 2],
    "<<EOT\na # no comment {\nEOT": "a # no comment {\n",
    "true": True,
}


@given(projects(), st.data())
def test_whatever_is_edited(project: Project, data: st.DataObject) -> None:
    """In any file: all other bytes are kept, and Go reads the same file but for the new value."""
    names = sorted(each for each in project.files if each.endswith(".tf"))
    assume(names)
    name = data.draw(st.sampled_from(names))
    source = project.files[name].encode()
    block = data.draw(st.sampled_from(parse_hcl(source, name).body.blocks))
    attribute = data.draw(st.sampled_from([*block.attributes, "new_one"]))
    expression = data.draw(st.sampled_from(sorted(EXPRESSIONS)))
    made = set_attribute(source, block, attribute, expression)
    old = block.attributes.get(attribute)
    if old:
        assert made == source[: old.start] + expression.encode() + source[old.end :]
    else:
        assert made.replace(f"  new_one = {expression}\n".encode(), b"", 1) == source
    before, after = read(source), read(made)
    assert before is not None
    assert after is not None
    assert EXPRESSIONS[expression] in _values(after, block, attribute)
    assert _without(before, block, attribute) == _without(after, block, attribute)
    if old is None:
        assert remove_attribute(made, _again(made, block), attribute) == source


def _again(made: bytes, block: Block) -> Block:
    return next(each for each in parse_hcl(made, "").body.blocks if each.start == block.start)


def _bodies(file: dict[str, Any], block: Block) -> list[dict[str, Any]]:
    at: Any = file
    for word in (block.type, *block.labels):
        at = at[word]
    return at if isinstance(at, list) else [at]


def _values(file: dict[str, Any], block: Block, name: str) -> list[Any]:
    return [each[name] for each in _bodies(file, block) if name in each]


def _without(file: dict[str, Any], block: Block, name: str) -> dict[str, Any]:
    for each in _bodies(file, block):
        each.pop(name, None)
    return file
