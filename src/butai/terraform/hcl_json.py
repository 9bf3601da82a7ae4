"""Terraform's JSON syntax (`.tf.json`, `.tfvars.json`) as the same blocks that the native syntax gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from butai.terraform.hcl_blocks import Block, Expression, Parsed, Reference, SyntaxProblem
from butai.terraform.hcl_literals import UNKNOWN, normal
from butai.terraform.hcl_syntax import parse_hcl
from butai.text import text

_LABELS = {"resource": 2, "data": 2, "ephemeral": 2, "variable": 1, "output": 1, "provider": 1, "module": 1, "check": 1}
_BARE = frozenset({"terraform", "locals", "moved", "import", "removed"})


class Located(NamedTuple):
    """A value with the lines it starts and ends on: a plain value, a list of these, or a dictionary of these."""

    value: Any
    line: int
    end_line: int


class _Loader(yaml.SafeLoader):
    """YAML's loader without its limit for keys (1,024 characters, on the line of their colon), which JSON has not."""

    def stale_possible_simple_keys(self) -> None:
        """Forget no key: in JSON the text before a colon is always one."""


def parse_json(source: bytes, file: str) -> Parsed:
    """Read one JSON file. Never raises for any bytes."""
    content = source.decode("utf-8-sig", errors="replace")
    try:
        json.loads(content)
        # Only yaml tells lines. JSON is YAML but for tabs, which JSON has nowhere inside of a string.
        node = yaml.compose(content.replace("\t", " "), Loader=_Loader)
        located = _located(node)
        if not isinstance(located.value, dict):
            return _broken(file, 1, 1, text("the file is no JSON object"))
        return Parsed(Block("", (), 1, _attributes(located.value), tuple(_blocks(located.value))))
    except json.JSONDecodeError as error:
        return _broken(file, error.lineno, error.colno, error.msg)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return _broken(file, 1, 1, text("the file cannot be read ({problem})", problem=type(error).__name__))


def _broken(file: str, line: int, column: int, what: str) -> Parsed:
    return Parsed(Block("", (), 1), SyntaxProblem(file, line, column, what))


def _located(node: Any) -> Located:
    line, end = node.start_mark.line + 1, node.end_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        value = {_paired(key.value): _beside(key, _located(value)) for key, value in node.value}
        return Located(value, line, end)
    if isinstance(node, yaml.SequenceNode):
        return Located([_located(each) for each in node.value], line, end)
    # Quoted means text; what is not quoted is a number, true, false or null.
    return Located(_paired(node.value) if node.style else json.loads(node.value), line, end)


def _beside(key: Any, value: Located) -> Located:
    # An entry of a dictionary starts with its key.
    return value._replace(line=key.start_mark.line + 1)


def _paired(text: str) -> str:
    # JSON writes a character beyond the first 65,536 as two escapes, which yaml leaves as two halves.
    return normal(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


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
    return Block(kind, labels, located.line, _attributes(value), inner, end_line=located.end_line)


def _inner(outer: str, name: str, located: Located) -> Iterator[Block]:
    # `terraform { backend "s3" {} }` is the one labelled block inside another that is read here.
    yield from _labelled(name, (), located, 1 if (outer, name) == ("terraform", "backend") else 0)


def _attributes(value: dict[str, Located]) -> dict[str, Expression]:
    return {name: _expression(located) for name, located in value.items() if name != "//"}


def _expression(located: Located) -> Expression:
    value = _plain(located)
    references = tuple(_references(located))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Expression(text, located.line, references, _value=UNKNOWN if references else value)


def _plain(located: Located) -> Any:
    value = located.value
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _references(located: Located) -> Iterator[Reference]:
    value, line = located.value, located.line
    if isinstance(value, str) and ("${" in value or "%{" in value):
        # A string is a template there; a heredoc takes any text as one.
        template = parse_hcl(f"x = <<END_OF_JSON\n{value}\nEND_OF_JSON\n".encode(errors="replace"), "").body
        for expression in template.expressions():
            yield from (Reference(each.path, line, each.fixed) for each in expression.references)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _references(inner)
