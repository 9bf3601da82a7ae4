"""Native syntax: literals, references, places, and broken files."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from butai.terraform.hcl_syntax import UNKNOWN, Block, Expression, parse_hcl


def body(text: str) -> Block:
    parsed = parse_hcl(text.encode(), "main.tf")
    assert parsed.problem is None
    return parsed.body


def expression(text: str) -> Expression:
    return body(f"x = {text}\n").attributes["x"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"plain"', "plain"),
        ('""', ""),
        (r'"a\n\t\"\\ é \U0001F44D"', 'a\n\t"\\ é 👍'),
        ('"$${x} %%{if} $$ %"', "${x} %{if} $$ %"),
        ("3", 3),
        ("-3", -3),
        ("1.5e3", 1500.0),
        ("true", True),
        ("null", None),
        ("(1)", 1),
        ('["a", 1, [true]]', ["a", 1, [True]]),
        ('{ a = 1, "b c" : null, true = "t", 4 = 5 }', {"a": 1, "b c": None, "true": "t", "4": 5}),
        ("{}", {}),
        ("<<EOT\none\n  two\nEOT", "one\n  two\n"),
        ("<<-EOT\n    one\n      two $${x}\n\n  EOT", "one\n  two ${x}\n\n"),
        ("<<-EOT\n    one\n   \n  EOT", "one\n   \n"),
        ("<<-EOT\r\n  one\r\n EOT", "one\r\n"),
        ("1e3", 1000.0),
        ("[1E+2, 2e-1]", [100.0, 0.2]),
        ("1e999", UNKNOWN),
        ('"an\u0303o"', "año"),
        ('{ null = 1, 4.50 = 2, 1e3 = 3, (true) = 4, ("q") = 5 }', {"null": 1, "4.5": 2, "1000": 3, "true": 4, "q": 5}),
        ('"$$${var.x}"', "$${var.x}"),
    ],
)
def test_literals(text: str, value: Any) -> None:
    found = expression(text)
    assert found.value == value
    assert type(found.value) is type(value)
    assert found.references == ()


@pytest.mark.parametrize(
    "text",
    ['"a ${var.b}"', "var.x", "1 + 2", "!true", 'upper("a")', "<<EOT\n${var.x}\nEOT", "true ? 1 : 2", "-true", "a"],
)
def test_what_is_no_literal_is_unknown(text: str) -> None:
    assert expression(text).value is UNKNOWN
    assert not expression(text).value


def test_a_literal_inside_of_something_computed() -> None:
    assert expression('{ source = "a/b", more = [aws.x] }').value == {"source": "a/b", "more": [UNKNOWN]}
    # Without its keys nobody knows what is in an object.
    assert expression('{ "x-${var.b}" = 1, c = 2 }').value is UNKNOWN
    assert expression("{\n  a = b\n  (var.c) = 1\n}").value is UNKNOWN


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("var.environment", ["var.environment"]),
        ('"x-${var.a}-${local.b.c}"', ["var.a", "local.b.c"]),
        ("aws_lb.main[0].arn", ["aws_lb.main.arn"]),
        ('local.images["web"].tag', ["local.images.tag"]),
        ("aws_x.y[var.i].id", ["aws_x.y.id", "var.i"]),
        ("aws_x.y[*].id", ["aws_x.y"]),
        ("aws_x.y.*.id", ["aws_x.y"]),
        ("data.aws_vpc.main.id", ["data.aws_vpc.main.id"]),
        ("[for s, t in var.list : s.name if t.ok && local.yes.it]", ["var.list", "local.yes.it"]),
        ("{ for k, v in var.map : k => v.x }", ["var.map"]),
        ("{ name = 1, (var.key) = var.value }", ["var.key", "var.value"]),
        ("object({ a = string })", []),
        ('"$$${var.no}"', []),
        ('"%{ if var.c }y%{ endif }"', ["var.c"]),
        ('lookup(var.m, "k-${var.deep}")', ["var.m", "var.deep"]),
        ("<<EOT\n${var.x}\nEOT", ["var.x"]),
        ("terraform.workspace", ["terraform.workspace"]),
    ],
)
def test_references(text: str, paths: list[str]) -> None:
    assert [each.path for each in expression(text).references] == paths


def test_variables_of_an_expression() -> None:
    assert expression("[var.b, var.a[0].x, var.b, local.var]").variables() == ["b", "a"]


def test_lines_count_from_one_and_follow_references() -> None:
    found = body('# c\n\nresource "a" "b" {\n  x = {\n    one = 1\n    two = var.two\n  }\n}\n').blocks[0]
    assert (found.type, found.labels, found.line) == ("resource", ("a", "b"), 3)
    assert found.attributes["x"].line == 4
    assert [(each.path, each.line) for each in found.attributes["x"].references] == [("var.two", 6)]


def test_blocks() -> None:
    found = body('a {\n  b "l" m {\n    c = 1\n  }\n  b {}\n}\n').blocks[0]
    assert [each.labels for each in found.of_type("b")] == [("l", "m"), ()]
    assert found.of_type("b")[0].value("c") == 1
    assert found.of_type("b")[0].value("none", 7) == 7
    assert (found.text("c"), found.of_type("b")[0].text("c")) == ("", "1")
    assert [each.text for each in found.expressions()] == ["1"]


def test_byte_order_mark_crlf_and_unicode_names() -> None:
    found = parse_hcl('\ufeffé = "ü" # c\r\nb = var.x\r\n'.encode(), "a.tf")
    assert found.problem is None
    assert found.body.value("é") == "ü"
    assert found.body.attributes["b"].line == 2


@pytest.mark.parametrize(
    ("text", "place", "kept"),
    [
        ('variable "a" {}\nresource "x" "y" {\n  b = \n}\nvariable "c" {}\n', (3, 3), ["a", "c"]),
        ('variable "a" {\n  x = 1\n\nvariable "b" {\n}\n', (4, 1), ["b"]),
        ('variable "a" {}\n<<<<<<< HEAD\nvariable "b" {}\n=======\n', None, []),
        ('variable "a" {\n  default = "é é" é é }}\n}\n', None, []),
        ("}", (1, 1), []),
        ("x = [1,\n", (1, 1), []),
        ("\0", (1, 1), []),
    ],
)
def test_broken_files(text: str, place: tuple[int, int] | None, kept: list[str]) -> None:
    found = parse_hcl(text.encode(), "modules/x.tf")
    assert found.problem is not None
    assert found.problem.file == "modules/x.tf"
    assert str(found.problem).startswith("modules/x.tf:")
    if place:
        assert (found.problem.line, found.problem.column) == place
    assert {each.labels[0] for each in found.body.blocks} >= set(kept)


def test_columns_are_characters_not_bytes() -> None:
    problem = parse_hcl('a = "ééé" ]\n'.encode(), "a.tf").problem
    assert problem is not None
    assert (problem.line, problem.column) == (1, 11)
    # A combining mark belongs to its letter, as in the engine's own messages.
    problem = parse_hcl('a = "e\u0301e\u0301" ]\n'.encode(), "a.tf").problem
    assert problem is not None
    assert problem.column == 10


def test_a_file_that_is_too_large_is_not_read() -> None:
    found = parse_hcl(b"#" * 50_000_001, "big.tf")
    assert found.problem is not None
    assert "larger" in found.problem.what


def test_deep_nesting_is_survived() -> None:
    assert parse_hcl(b"x = " + b"[" * 5_000 + b"]" * 5_000, "a.tf").body.attributes["x"].text.startswith("[[")
    assert parse_hcl(b"a {\n" * 2_000 + b"}\n" * 2_000, "a.tf").body.blocks


PIECES = st.sampled_from(
    [
        '"',
        "{",
        "}",
        "=",
        "\n",
        " ",
        "a",
        "${",
        "$$",
        "%{ if ",
        "<<EOT\n",
        "EOT\n",
        "[",
        "]",
        "(",
        ")",
        "var.x",
        "for ",
        "é",
        ".",
        ",",
        "1",
        "\\",
        "#",
        "/*",
        'resource "a" "b" {\n',
        "\x00",
        "é".encode("latin-1").decode("latin-1"),
    ]
)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_text_that_looks_like_hcl_never_raises(text: str) -> None:
    found = parse_hcl(text.encode(), "a.tf")
    for each in found.body.expressions():
        assert each.line >= 1
    if found.problem:
        lines = text.count("\n") + 1
        assert 1 <= found.problem.line <= lines
        assert found.problem.column >= 1


@given(st.binary(max_size=200))
def test_any_bytes_never_raise(source: bytes) -> None:
    parse_hcl(source, "a.tf")


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters='"\\$%'), max_size=20)


@given(WORDS)
def test_a_string_comes_back(text: str) -> None:
    assert expression(f'"{text}"').value == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("between", ["#", " #", "\n#", " /* ", " // "])
def test_a_head_that_is_none_is_not_tried_in_every_way(between: str) -> None:
    words = "`backend` blocks do not support variables, so these are hard-coded here: which is made in account/s3.tf"
    parsed = parse_hcl(
        f'terraform {{\n  for{between}{words}\n  backend "s3" {{\n    key = "k"\n  }}\n}}\n'.encode(), "main.tf"
    )
    assert parsed.problem is not None


def test_an_iterator_of_one_loop_is_none_of_the_next() -> None:
    text = "[[for a, b in var.x : a.b], [for c in a.d : c.e], [for f in [for a in f.g : a.h] : f.i + a.j]]"
    assert [each.path for each in expression(text).references] == ["var.x", "a.d", "f.g", "a.j"]


def test_a_name_is_what_stands_before_a_comment_too() -> None:
    assert list(body("name/* why */ = 1\n").attributes) == ["name"]
