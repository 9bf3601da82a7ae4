"""Terraform's JSON syntax (`.tf.json`, `.tfvars.json`) as the same blocks that the native syntax gives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from butai.terraform.hcl_blocks import Block, Comment, Expression, Parsed, Reference, SyntaxProblem
from butai.terraform.hcl_literals import UNKNOWN, normal
from butai.terraform.hcl_syntax import parse_hcl
from butai.text import text

_LABELS = {"resource": 2, "data": 2, "ephemeral": 2, "variable": 1, "output": 1, "provider": 1, "module": 1, "check": 1}
_NOT_YAML = re.compile(r"[^\x20-\x7e\r\n]|\r(?!\n)")
_BARE = frozenset({"terraform", "locals", "moved", "import", "removed"})


class Place(NamedTuple):
    """Where something starts and ends: lines and columns from 1, the end behind the last character."""

    line: int
    column: int
    end_line: int
    end_column: int


class Located(NamedTuple):
    """A value with its place, which is from its key on: a plain value, a list of these, or a dictionary of these."""

    value: Any
    place: Place


class _Loader(yaml.SafeLoader):
    """YAML's loader without its limit for keys (1,024 characters, on the line of their colon), which JSON has not."""

    def stale_possible_simple_keys(self) -> None:
        """Forget no key: in JSON the text before a colon is always one."""


def parse_json(source: bytes, file: str) -> Parsed:
    """Read one JSON file. Never raises for any bytes."""
    content = source.decode("utf-8-sig", errors="replace")
    try:
        json.loads(content)
        # Only yaml tells places. JSON is YAML but for some characters, whose places are all that is wanted of them there.
        located = _located(yaml.compose(_NOT_YAML.sub(" ", content), Loader=_Loader), content)
        if not isinstance(located.value, dict):
            return _broken(file, 1, 1, text("the file is no JSON object"))
        body = located.value
        return Parsed(Block("", (), 1, _attributes(body), tuple(_blocks(body)), _comments(body)))
    except json.JSONDecodeError as error:
        return _broken(file, error.lineno, error.colno, error.msg)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return _broken(file, 1, 1, text("the file cannot be read ({problem})", problem=type(error).__name__))


def _broken(file: str, line: int, column: int, what: str) -> Parsed:
    return Parsed(Block("", (), 1), SyntaxProblem(file, line, column, what))


def _located(node: Any, content: str) -> Located:
    place = _place(node, node)
    if isinstance(node, yaml.MappingNode):
        return Located(dict(_entry(key, value, content) for key, value in node.value), place)
    if isinstance(node, yaml.SequenceNode):
        return Located([_located(each, content) for each in node.value], place)
    return Located(_scalar(node, content), place)


def _entry(key: Any, value: Any, content: str) -> tuple[str, Located]:
    return str(_scalar(key, content)), Located(_located(value, content).value, _place(key, value))


def _place(first: Any, last: Any) -> Place:
    start, end = first.start_mark, last.end_mark
    return Place(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _scalar(node: Any, content: str) -> Any:
    value = json.loads(content[node.start_mark.index : node.end_mark.index])
    if isinstance(value, str) and not value.isascii():
        # Half of a character beyond the first 65,536 is none.
        return normal(value.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return value


def _blocks(body: dict[str, Located]) -> Iterator[Block]:
    for kind, located in body.items():
        if kind in _LABELS:
            yield from _labelled(kind, (), located, _LABELS[kind])
        elif kind in _BARE:
            yield from _labelled(kind, (), located, 0)


def _labelled(kind: str, labels: tuple[str, ...], located: Located, depth: int) -> Iterator[Block]:
    """Unfold the levels of labels: `{"aws_lb": {"main": {…}}}`; a list stands for several blocks at any level."""
    value = located.value
    if isinstance(value, list):
        for each in value:
            yield from _labelled(kind, labels, each, depth)
    elif isinstance(value, dict) and depth:
        for label, inner in value.items():
            yield from _labelled(kind, (*labels, label), inner, depth - 1)
    elif isinstance(value, dict):
        yield _body(kind, labels, located)


def _body(kind: str, labels: tuple[str, ...], located: Located) -> Block:
    """Without the provider's schema an object may be an attribute or a block: it is given as both."""
    value = located.value
    inner = tuple(block for name, each in value.items() for block in _inner(kind, name, each))
    line, column, end_line, end_column = located.place
    return Block(kind, labels, line, _attributes(value), inner, _comments(value), end_line, column, end_column)


def _comments(value: dict[str, Located]) -> tuple[Comment, ...]:
    said = value.get("//")
    return (Comment(said.value, said.place.line, said.place.end_line),) if said and isinstance(said.value, str) else ()


def _inner(outer: str, name: str, located: Located) -> Iterator[Block]:
    # `terraform { backend "s3" {} }` is the one labelled block inside another that is read here.
    yield from _labelled(name, (), located, 1 if (outer, name) == ("terraform", "backend") else 0)


def _attributes(value: dict[str, Located]) -> dict[str, Expression]:
    return {name: _expression(located) for name, located in value.items() if name != "//"}


def _expression(located: Located) -> Expression:
    value = _plain(located)
    references = tuple(_references(located))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line, column, end_line, end_column = located.place
    known = UNKNOWN if references else value
    return Expression(text, line, references, 0, 0, column, end_line, end_column, known)


def _plain(located: Located) -> Any:
    value = located.value
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _references(located: Located) -> Iterator[Reference]:
    value, line = located.value, located.place.line
    if isinstance(value, str) and ("${" in value or "%{" in value):
        # A string is a template there; a heredoc takes any text as one.
        template = parse_hcl(f"x = <<END_OF_JSON\n{value}\nEND_OF_JSON\n".encode(errors="replace"), "").body
        for expression in template.expressions():
            yield from (Reference(each.path, line, each.fixed) for each in expression.references)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _references(inner)
