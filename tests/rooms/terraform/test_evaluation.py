"""Evaluation of expressions: what is known is told, what is not is UNKNOWN, and nothing raises, hangs or grows."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.terraform.evaluation.module import Declaration, ModuleScope, evaluate, evaluate_module
from butai.terraform.evaluation.scope import Scope
from butai.terraform.evaluation.values import SetValue
from butai.terraform.hcl_literals import UNKNOWN

FILES = {
    "app/infra/main.txt": b"main",
    "app/shared.json": b'{"a": 1}',
    "app/infra/t.tftpl": b"Hello ${name}${suffix}",
    "app/infra/broken.tftpl": b"${",
    "app/infra/binary": b"\xff\xfe",
}
FILES_SCOPE = Scope(read=FILES.get, root="app/infra")


def module(local_values: dict[str, str], variables: dict[str, Declaration] | None = None, **values: str) -> ModuleScope:
    return evaluate_module(variables or {}, values, local_values)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("1.0", 1),
        ("0.5", 0.5),
        ("0.1 + 0.2", 0.3),
        ("12345678901234567890.5", Decimal("12345678901234567890.5")),
        ('[1, "a", null]', [1, "a", None]),
        ('toset(["b", "a"])', SetValue(["a", "b"])),
        ("{ b = 1, a = [true] }", {"a": [True], "b": 1}),
        ("  1 + 1  # with a comment", 2),
    ],
)
def test_values_are_pythons_own(text: str, value: Any) -> None:
    found = evaluate(text, Scope())
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "1\n+ 2",
        "a = 1",
        "1\nb = 2",
        "x",
        "var",
        "var.x",
        "aws_lb.main.arn",
        "data.aws_region.current.name",
        "module.x.y",
        "path.cwd",
        "terraform.workspace",
        "each.key",
        "count.index",
        "self.id",
        'timestamp() == ""',
        "uuid()",
        'bcrypt("a")',
        'pathexpand("~/x")',
        'abspath("x")',
        'file("x")',
        "provider::a::f(1)",
        "nosuch(1)",
        '"a\nb"',
        '"\\q"',
        '"${}"',
        '"%{ if true }"',
        "[[1]].0.0",
        "{ a = 1 b = 2 }",
        "{ a = \n1 }",
        "{\n a = 1\n + 2 }",
        "{\n c\n (d) = 1\n}",
        "{ a.b = 1 }",
        "true ?\n1 : 2",
        "upper\n(1)",
        '"\ud800"',
        "1e999999999",
        "1 / 0",
    ],
)
def test_what_needs_the_world_or_is_wrong_is_unknown(text: str) -> None:
    assert evaluate(text, Scope()) is UNKNOWN


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, var.x]", [1, UNKNOWN]),
        ('{ a = var.x, b = "c" }', {"a": UNKNOWN, "b": "c"}),
        ("{ (var.x) = 1 }", UNKNOWN),
        ('"a-${var.x}"', UNKNOWN),
        ("[var.x][0] == 1", UNKNOWN),
        ("length([var.x, 1])", 2),
        ("[1, var.x][0]", 1),
        ("merge({ a = 1 }, var.x)", UNKNOWN),
        ("merge({ a = 1 }, { b = var.x }).a", 1),
        ("false && var.x", False),
        ("true && var.x", UNKNOWN),
        ("var.x || true", True),
        ("var.x ? 1 : 1", UNKNOWN),
        ("true ? 1 : var.x", UNKNOWN),
        ('true ? "a" : var.x', "a"),
        ("true ? 1 : length(var.x)", 1),
        ('true ? 1 : "a${var.x}"', "1"),
        ("[for v in var.x : v]", UNKNOWN),
        ("[for v in [1, 2] : v if var.x]", UNKNOWN),
        ("[for v in [1, 2] : [v, var.x]]", [[1, UNKNOWN], [2, UNKNOWN]]),
        ("var.x[*].id", UNKNOWN),
        ("toset([var.x])", UNKNOWN),
        ("try(var.x, 1)", UNKNOWN),
        ("try(var.x.y, 1)", UNKNOWN),
        ("try(length([var.x.y]), 0)", UNKNOWN),
        ("try(length([{ a = var.x }][*].a.b), 0)", UNKNOWN),
        ('try(length(var.x), tonumber("a"), 0)', UNKNOWN),
        ("can(var.x.y)", UNKNOWN),
        ("try({ a = 1 }.b, 2)", 2),
        ("try(nosuch(1), 2)", UNKNOWN),
        ('contains(["a", var.x], "a")', True),
        ('contains(["a", var.x], "b")', UNKNOWN),
        ("coalesce(var.x, 1)", UNKNOWN),
        ("jsonencode([var.x])", UNKNOWN),
        ("concat([1], [var.x])", [1, UNKNOWN]),
        ("tolist([1, var.x])", [UNKNOWN, UNKNOWN]),
        ('tolist(["a", var.x])', ["a", UNKNOWN]),
        ("true ? [1] : [var.x]", [UNKNOWN]),
        ("coalesce(1, var.x)", UNKNOWN),
        ('coalesce("a", var.x)', "a"),
        ('try(true ? "a" : var.x, 1)', UNKNOWN),
        ("true ? null : var.x", None),
        ("keys({ b = var.x, a = 1 })", ["a", "b"]),
        ("flatten([[1], var.x])", UNKNOWN),
        ("flatten([[1], [var.x]])", UNKNOWN),
    ],
)
def test_what_is_unknown_spreads_no_further_than_it_must(text: str, value: Any) -> None:
    assert evaluate(text, Scope(variables={"x": UNKNOWN})) == value


def test_an_instance_of_a_block_has_its_own_names() -> None:
    scope = Scope(
        each={"key": "web", "value": {"port": 80}}, count_index=2, itself={"id": "i-1"}, workspace="qa", module="./m"
    )
    text = '"${each.key}:${each.value.port}:${count.index}:${self.id}:${terraform.workspace}:${path.module}"'
    assert evaluate(text, scope) == "web:80:2:i-1:qa:./m"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('file("main.txt")', "main"),
        ('file("./x/../main.txt")', "main"),
        ('jsondecode(file("../shared.json")).a', 1),
        ('fileexists("${path.module}/main.txt")', True),
        ('fileexists("nothing")', False),
        ('fileexists("../../../secret")', UNKNOWN),
        ('file("nothing")', UNKNOWN),
        ('try(file("nothing"), "none")', "none"),
        ('try(file("../../../secret"), "none")', UNKNOWN),
        ('try(file("/etc/hostname"), "none")', UNKNOWN),
        ('try(file("~/x"), "none")', UNKNOWN),
        ('try(file("binary"), "none")', "none"),
        ('filebase64("binary")', "//4="),
        ('templatefile("t.tftpl", { name = "Ann", suffix = 1 })', "Hello Ann1"),
        ('templatefile("t.tftpl", { name = "Ann", suffix = var.x })', UNKNOWN),
        ('try(templatefile("t.tftpl", { name = "Ann" }), "none")', "none"),
        ('templatefile("broken.tftpl", {})', UNKNOWN),
    ],
)
def test_files_are_read_inside_of_the_repository(text: str, value: Any) -> None:
    assert evaluate(text, FILES_SCOPE) == value


def test_locals_are_worked_out_in_any_order_and_circles_are_unknown() -> None:
    found = module(
        {"a": "local.b + 1", "b": "local.c * 2", "c": "3", "d": "[local.e]", "e": "local.d[0]", "f": "local.e"}
    )
    assert [found.local(name) for name in "abcdef"] == [7, 6, 3, UNKNOWN, UNKNOWN, UNKNOWN]
    assert found.local("g") is UNKNOWN


def test_a_long_chain_of_locals_takes_no_deep_stack() -> None:
    chain = {f"l{number}": f"local.l{number + 1} + 1" for number in range(1000)} | {"l1000": "0"}
    assert module(chain).local("l0") == 1000


def test_what_is_not_declared_makes_an_expression_unknown_wherever_it_stands() -> None:
    found = module({"a": 'try(var.missing, "x")', "b": "[for x in [] : local.missing]", "c": "path.nowhere == 1"})
    assert [found.local(name) for name in "abc"] == [UNKNOWN] * 3


def test_variables_are_given_defaulted_and_converted() -> None:
    variables = {
        "given": Declaration("list(string)", "[]"),
        "defaulted": Declaration("number", '"5"'),
        "nothing": Declaration("string"),
        "untyped": Declaration("", "[1]"),
        "wrong": Declaration("number", '"five"'),
        "no_type": Declaration("strings", '"a"'),
        "calls": Declaration("string", 'upper("a")'),
        "never_null": Declaration("string", '"x"', nullable=False),
        "null": Declaration("string", '"x"'),
        "secret": Declaration("string", '"x"', sensitive=True),
    }
    found = module({}, variables, given="[1, true]", never_null="null", null="null")
    expected = {
        "given": ["1", "true"],
        "defaulted": 5,
        "nothing": UNKNOWN,
        "untyped": [1],
        "wrong": UNKNOWN,
        "no_type": UNKNOWN,
        "calls": UNKNOWN,
        "never_null": "x",
        "null": None,
        "secret": "x",
    }
    assert {name: found.variable(name) for name in variables} == expected
    assert found.is_sensitive("secret") and not found.is_sensitive("given") and not found.is_sensitive("other")
    assert found.evaluate("length(var.given) + var.defaulted") == 7


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000 + "1" + ")" * 100_000,
        "[" * 5_000 + "]" * 5_000,
        "-" * 10_000 + "1",
        "true ? 1 : " * 3_000 + "2",
        "a" + ".b" * 5_000,
        '"' + '${"' * 60 + '"}' * 60 + '"',
        "range(1000000000)",
        'format("%999999999d", 1)',
        'indent(999999999, "a\\nb")',
        "[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : a]]]",
        "setproduct(range(1000), range(1000), range(1000))",
        'regex("(a*)*b", join("", [for a in range(1000) : "a"]))',
        'replace("a", "/(a{0,500}){0,500}/", "")',
        "pow(10, 300) * pow(10, 300) * pow(10, 300) * pow(10, 300) * 1.0e6000",
        'jsondecode("' + "[" * 50_000 + '")',
        'yamldecode("' + "[" * 1_000 + '")',
        "1." + "3" * 100_000,
        '"' + "x" * 2_000_000 + '"',
    ],
)
def test_what_would_take_long_is_unknown(text: str) -> None:
    began = time.process_time()
    assert evaluate(text, Scope()) is UNKNOWN
    # Measured: 1.2 s for the slowest.
    assert time.process_time() - began < 20


def test_what_grows_with_each_local_stays_bounded() -> None:
    doubled = {f"t{number}": f'"${{local.t{number + 1}}}${{local.t{number + 1}}}"' for number in range(40)}
    listed = {f"l{number}": f"[local.l{number + 1}, local.l{number + 1}]" for number in range(40)}
    found = module(doubled | listed | {"t40": '"x"', "l40": "[1]"})
    assert found.local("t0") is UNKNOWN and any(found.local(f"l{number}") is UNKNOWN for number in range(20, 30))
    assert found.local("t30") == "x" * 1024


# Pieces that meet in ways which nobody would write.
_PIECES = (
    *(
        '"',
        "${",
        "%{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "{",
        "a",
        ".b",
        "[*]",
        ".*",
        " ",
        "\n",
        "=",
        "==",
        "? 1",
        ": 2",
        "for x in",
    ),
    *(
        " : x",
        "=>",
        "...",
        "if",
        "1",
        "0.5",
        "-",
        "!",
        "+",
        "&&",
        "null",
        "true",
        "<<A\n",
        "A\n",
        "~",
        "\\",
        "$",
        "#",
        ",",
    ),
    *("upper(", "try(", "jsondecode(", "regex(", "format(", "var.x", "local.y", "é", "\r\n", "\x00", "\ud800"),
)


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(_PIECES), max_size=25).map("".join)))
def test_nothing_is_raised_for_any_text(text: str) -> None:
    evaluate(text, FILES_SCOPE)
    found = module({"y": text, "z": "local.y"}, {"x": Declaration(text, text)}, x=text)
    assert found.local("z") == found.local("y")
    found.variable("x")


@given(st.binary(max_size=60))
def test_nothing_is_raised_for_any_file(content: bytes) -> None:
    scope = Scope(read=lambda _: content)
    for call in (
        'templatefile("a", { a = 1 })',
        'yamldecode(file("a"))',
        'jsondecode(file("a"))',
        'csvdecode(file("a"))',
    ):
        evaluate(call, scope)
