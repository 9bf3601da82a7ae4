"""The JSON syntax gives the same facts as the native one."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from butai.terraform.hcl_json import parse_json
from butai.terraform.hcl_syntax import UNKNOWN

TEXT = """{
\t"//": "a comment",
  "variable": {
    "environment": {"type": "string", "description": "e \\u00e9"},
    "size": {"default": 3}
  },
  "resource": {
    "aws_lb_listener_rule": {
      "web": {
        "priority": "${var.priority + 1}",
        "condition": [{"host_header": {"values": ["${var.environment}.example.com"]}}]
      }
    },
    "aws_vpc": [{"main": {"cidr_block": "10.0.0.0/16"}}]
  },
  "terraform": [{"backend": {"s3": {"bucket": "b"}}, "required_providers": {"aws": {"source": "hashicorp/aws"}}}],
  "locals": {"name": "ivr-${terraform.workspace}"},
  "output": {"url": {"value": "https://${lookup(var.m, \\"k\\")}"}}
}
"""


def test_blocks_labels_and_lines() -> None:
    found = parse_json(TEXT.encode(), "main.tf.json")
    assert found.problem is None
    kinds = [(each.type, each.labels, each.line) for each in found.body.blocks]
    assert ("variable", ("environment",), 4) in kinds
    assert ("resource", ("aws_lb_listener_rule", "web"), 9) in kinds
    assert ("resource", ("aws_vpc", "main"), 14) in kinds
    by_labels = {each.labels: each for each in found.body.blocks}
    assert by_labels["environment",].value("description") == "e é"
    assert by_labels["size",].value("default") == 3
    rule = by_labels["aws_lb_listener_rule", "web"]
    assert [each.path for each in rule.attributes["priority"].references] == ["var.priority"]
    assert rule.attributes["priority"].value is UNKNOWN
    header = rule.of_type("condition")[0].of_type("host_header")[0]
    assert header.attributes["values"].variables() == ["environment"]
    output = by_labels["url",].attributes["value"]
    assert (output.text, output.variables()) == ('https://${lookup(var.m, "k")}', ["m"])


def test_settings_and_locals() -> None:
    blocks = {each.type: each for each in parse_json(TEXT.encode(), "main.tf.json").body.blocks}
    backend = blocks["terraform"].of_type("backend")[0]
    assert (backend.labels, backend.value("bucket")) == (("s3",), "b")
    assert blocks["terraform"].of_type("required_providers")[0].value("aws") == {"source": "hashicorp/aws"}
    reference = blocks["locals"].attributes["name"].references[0]
    assert (reference.path, reference.line) == ("terraform.workspace", 17)


def test_what_is_no_json_has_a_place() -> None:
    problem = parse_json(b'{\n  "a": ,\n}', "main.tf.json").problem
    assert problem is not None
    assert (problem.file, problem.line, problem.column) == ("main.tf.json", 2, 8)
    assert parse_json(b"[1]", "a").problem is not None
    assert parse_json(b"[" * 100_000, "a").problem is not None
    assert parse_json(b"", "a").problem is not None


def test_keys_may_be_long_and_stand_on_another_line_than_their_colon() -> None:
    name = "a" * 2000
    found = parse_json(b'{"locals": {"%s"\n:\n"x", "b": 1}}' % name.encode(), "a.tf.json")
    assert found.problem is None
    assert {key: (each.value, each.line) for key, each in found.body.blocks[0].attributes.items()} == {
        name: ("x", 1),
        "b": (1, 3),
    }


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from(["resource", "variable", "output", "terraform", "locals", "module", "data", "other"])


@given(st.dictionaries(KINDS, VALUES), st.sampled_from([None, 1, "\t"]))
def test_any_json_object_is_read(raw: dict[str, Any], indent: int | str | None) -> None:
    found = parse_json(json.dumps(raw, indent=indent).encode(), "a.tf.json")
    assert found.problem is None


@given(
    st.dictionaries(st.sampled_from(["a", "b"]), st.none() | st.booleans() | st.integers() | st.text('ab ${}\n"\\é👍'))
)
def test_values_come_back(raw: dict[str, Any]) -> None:
    found = parse_json(json.dumps({"locals": raw}).encode(), "a.tf.json").body
    values = found.blocks[0].attributes if found.blocks else {}
    for name, each in values.items():
        assert each.references or each.value == raw[name]


def test_texts_are_as_the_engines_hold_them() -> None:
    assert parse_json(b'{"locals": {"a": "an\\u0303o"}}', "a.tf.json").body.blocks[0].value("a") == "a\u00f1o"


@given(st.binary(max_size=100) | st.text(max_size=100).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_never_raise(source: bytes) -> None:
    parse_json(source, "a.tf.json")
