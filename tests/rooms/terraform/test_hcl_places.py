"""Places, comments, and what the engines refuse though the parser takes it. Go's own parser is the judge."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.demo.team import examples_folder
from butai.terraform.hcl_blocks import Block
from butai.terraform.hcl_json import parse_json
from butai.terraform.hcl_syntax import parse_hcl
from support.generated_hcl import Project, projects
from support.go_hcl import accepts, differences, read, shape

EXAMPLES = sorted(examples_folder().rglob("*.tf"))


def test_go_reads_the_same_in_every_example() -> None:
    assert len(EXAMPLES) > 20
    for file in EXAMPLES:
        source = file.read_bytes()
        theirs = read(source)
        assert theirs is not None
        assert list(differences(shape(parse_hcl(source, file.name).body), theirs)) == []


@given(projects())
def test_every_place_is_where_it_says(project: Project) -> None:
    """Text cut out by bytes, and by lines and columns, is the text that was read."""
    for name, text in project.files.items():
        if name.endswith(".tf"):
            check_places(text, parse_hcl(text.encode(), name).body)


def test_every_place_in_the_examples() -> None:
    for file in EXAMPLES:
        check_places(file.read_text(), parse_hcl(file.read_bytes(), file.name).body)


def check_places(text: str, block: Block) -> None:
    lines, source = text.split("\n"), text.encode()
    for each in block.comments:
        assert "\n".join(lines[each.line - 1 : each.end_line]).count(each.text) >= 1
        assert each.behind == bool(lines[each.line - 1].partition(each.text.partition("\n")[0])[0].strip())
    for name, expression in block.attributes.items():
        assert source[expression.start : expression.end].decode() == expression.text
        assert lines[expression.line - 1][expression.column - 1 :].startswith(name)
        last = lines[expression.end_line - 1][: expression.end_column - 1]
        assert last.endswith(expression.text.split("\n")[-1])
    for inner in block.blocks:
        cut = source[inner.start : inner.end].decode()
        assert cut.startswith(inner.type)
        assert cut.endswith("}")
        assert lines[inner.line - 1][inner.column - 1 :].startswith(inner.type)
        assert lines[inner.end_line - 1][inner.end_column - 2] == "}"
        check_places(text, inner)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a {\n  b = 1 c = 2\n}\n", 2, 9),
        ("a {\n  b = 1\n  b = 2\n}\n", 3, 3),
        ("a {}  b {}\n", 1, 7),
        ("a\n{\n}\n", 1, 1),
        ('a "b"\n{\n}\n', 1, 1),
        ("a {\n  b = [\n    1] c = 2\n}\n", 3, 8),
    ],
)
def test_what_go_refuses_is_told_and_kept(text: str, line: int, column: int) -> None:
    found = parse_hcl(text.encode(), "a.tf")
    assert not accepts(text.encode())
    assert found.problem is not None
    assert (found.problem.line, found.problem.column) == (line, column)
    assert found.body.blocks[0].type == "a"


@pytest.mark.parametrize(
    "text",
    [
        "a { b = 1 }\n",
        "a { /* c */ b = 1 }\n",
        "/* c */ a {}\n",
        "a {} # b = 1\n",
        "x = { a = 1, b = 2 }\n",
        "x = [{ a = 1 }, { b = 2 }]\n",
        "x = 1e3\ny = [1E-3, 2e+3]\n",
        "x = {\n  a = b\n  (c) = d\n}\n",
        'a "b" /* c */ "d" {\n}\n',
        "x = <<EOT\na = 1 b = 2\nEOT\n",
        "x = (\n1\n+ 2\n)\n",
        "x = a[\n1\n]\ny = f(\n1,\n)\n",
        "x = true ? 1 : 2\n",
        'x = "${ a }"\n',
    ],
)
def test_what_go_takes_has_no_problem(text: str) -> None:
    assert accepts(text.encode())
    found = parse_hcl(text.encode(), "a.tf")
    assert found.problem is None
    assert list(differences(shape(found.body), read(text.encode()) or {})) == []


@pytest.mark.parametrize(
    ("text", "line", "said", "kept"),
    [
        ('a {\n  c = "no end\n}\nb {}\n', 2, "quotation mark", ["b"]),
        ('b {}\na {\n  c = "no end', 3, "quotation mark", ["b"]),
        ("x = <<EOT\nabc\n", 1, "no closing word", []),
        ("a {\n c = [1\n}\nb {}\n", 3, "`]` is missing", ["b"]),
        ("b {}\n???\na {\n}\n!!!\nc {}\n", 2, "not HCL", ["a", "b", "c"]),
        (
            "b {}\n<<<<<<< ours\na {\n  x = 1\n||||||| base\n  x = 0\n=======\n  x = 2\n>>>>>>> theirs\n}\nc {}\n",
            2,
            "merge conflict",
            ["a", "b", "c"],
        ),
        ("<<<<<<< ours\r\na {}\r\n=======\r\nb {}\r\n>>>>>>> theirs\r\nc {}\r\n", 1, "merge conflict", ["a", "c"]),
    ],
)
def test_damage_is_told_by_its_line_and_costs_little(text: str, line: int, said: str, kept: list[str]) -> None:
    found = parse_hcl(text.encode(), "a.tf")
    assert found.problem is not None
    assert found.problem.line == line
    assert said in found.problem.what
    assert sorted(each.type for each in found.body.blocks) == kept
    for each in found.body.blocks:
        assert text.split("\n")[each.line - 1].startswith(each.type)


def test_a_computed_index_is_marked_in_a_reference() -> None:
    source = b'x = [module.a["k"].b, module.a[0].b, module.a[each.key].b, module.a["${k}"].b, a.b.c[d.e].f[g.h]]\n'
    found = parse_hcl(source, "").body.attributes["x"].references
    assert [(each.path, each.fixed) for each in found] == [
        ("module.a.b", 0),
        ("module.a.b", 0),
        ("module.a.b", 2),
        ("each.key", 0),
        ("module.a.b", 2),
        ("a.b.c.f", 3),
        ("d.e", 0),
        ("g.h", 0),
    ]


JSON = '{"locals": {%s: %s,\n\t"b": 1}}'


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
def test_characters_that_only_json_allows_move_no_place(text: str) -> None:
    word = json.dumps(text.replace("$", "").replace("%", "") + "k", ensure_ascii=False)
    found = parse_json((JSON % (word, word)).encode(), "a.tf.json")
    assert found.problem is None
    local = found.body.blocks[0]
    assert (local.line, local.end_line) == (1, 2)
    first, second = local.attributes.values()
    assert (first.line, first.column, first.end_column) == (1, 13, 15 + 2 * len(word))
    assert (second.line, second.column, second.end_column) == (2, 2, 8)
    assert local.end_column == 9
