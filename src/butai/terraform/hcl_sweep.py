"""A tree of tree-sitter's as blocks, in one sweep over the few kinds of nodes that say everything.

A walk over all nodes would take longer than the parsing itself: there are twenty times as many.
"""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from tree_sitter import Node, Query, QueryCursor

from butai.terraform.hcl_blocks import Block, Comment, Expression, Reference
from butai.terraform.hcl_literals import DEEPEST, LANGUAGE, is_escaped, unescape
from butai.text import text

_QUERY: Final = Query(
    LANGUAGE,
    """
    (block) @block
    (attribute) @attribute
    (attribute (expression) @expression)
    (comment) @comment
    (variable_expr) @variable
    (get_attr) @get
    (index) @index
    (for_tuple_expr) @scope
    (for_object_expr) @scope
    (template_for) @scope
    (for_intro) @names
    (template_for_start) @names
    (template_interpolation) @template
    (template_directive) @template
    """,
)
# Of two that begin and end alike the outer one comes first.
_OUTER_FIRST: Final = (
    "block",
    "attribute",
    "expression",
    "template",
    "scope",
    "names",
    "variable",
    "get",
    "index",
    "comment",
)
_KINDS: Final = {kind: rank for rank, kind in enumerate(_OUTER_FIRST)}
_NAME = re.compile(rb"[^\s={}\"]+")
_HEAD = re.compile(rb'([^\s"{]+)((?:[ \t]*(?:"(?:[^"\\\n$%{]|\\.)*"|[^\s"{/#]+))*)[ \t]*\{')
_LABEL = re.compile(rb'"((?:[^"\\]|\\.)*)"|([^\s"]+)')
_LITERAL_INDEX = re.compile(rb'\[\s*(?:"(?:[^"\\$%]|\\.)*"|\d+)\s*\]|\.\d+')
_BOUND = re.compile(rb"(?:for)\s+([^\s,]+)\s*(?:,\s*([^\s,]+)\s*)?in\b")


class Lines:
    """Where lines begin in some bytes."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.ends = [match.start() for match in re.finditer(rb"\n", source)]

    def line(self, at: int) -> int:
        """The line of a byte, from 1."""
        return bisect.bisect_left(self.ends, at) + 1

    def before(self, at: int) -> tuple[int, bytes]:
        """The line of a byte, and what stands before it there."""
        line = bisect.bisect_left(self.ends, at)
        return line + 1, self.source[self.ends[line - 1] + 1 if line else 0 : at]

    def place(self, at: int) -> tuple[int, int]:
        """Line and column of a byte, both from 1."""
        line, before = self.before(at)
        return line, 1 + _width(before)


def _width(some: bytes) -> int:
    """In characters, as Go counts: a combining mark belongs to its letter."""
    if some.isascii():
        return len(some)
    return sum(not unicodedata.combining(each) for each in some.decode(errors="replace"))


def sweep(source: bytes, root: Node, lines: Lines | None = None) -> tuple[Block, list[tuple[int, str]]]:
    """The whole file as a block, and what the engines refuse though tree-sitter takes it, by the place in the file's bytes.

    Of an attribute that is written twice the first is kept.
    """
    found = _Sweep(source, lines or Lines(source))
    return found.over(root), sorted(found.refused)


class _Block:
    """A block whose end has not come yet."""

    __slots__ = ("attributes", "blocks", "comments", "end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end
        self.attributes: dict[str, Expression] = {}
        self.blocks: list[Block] = []
        self.comments: list[Comment] = []


class _Expression:
    """An attribute's expression whose end has not come yet."""

    __slots__ = ("end", "references", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end
        self.references: list[_Path] = []


class _Path:
    """A reference that may go on: a traversal is a row of nodes that touch."""

    __slots__ = ("fixed", "names", "start")

    def __init__(self, start: int, name: str) -> None:
        self.start, self.names, self.fixed = start, [name], 0


class _Scope:
    """What binds `names`, from `since` on."""

    __slots__ = ("end", "names", "since")

    def __init__(self, end: int) -> None:
        self.end = self.since = end
        self.names: tuple[bytes, ...] = ()


class _Sweep:
    def __init__(self, source: bytes, lines: Lines) -> None:
        self.source, self.lines = source, lines
        self.file = _Block(0, len(source) + 1)
        self.open: list[_Block | _Expression | _Scope] = [self.file]
        self.blocks = [self.file]
        self.scopes: list[_Scope] = []
        self.expression: _Expression | None = None
        self.skipped_until = 0
        self.name, self.name_at = "", 0
        self.refused: list[tuple[int, str]] = []
        # By where they end so far.
        self.paths: dict[int, _Path] = {}

    def over(self, root: Node) -> Block:
        does = {kind: getattr(self, f"on_{kind}") for kind in _KINDS}
        for start, end, kind in _in_order(root):
            while self.open[-1].end <= start:
                self.close()
            if start >= self.skipped_until:
                does[kind](start, end)
        while len(self.open) > 1:
            self.close()
        return Block("", (), 1, self.file.attributes, tuple(self.file.blocks), tuple(self.file.comments))

    def close(self) -> None:
        done = self.open.pop()
        if isinstance(done, _Expression):
            self.expression = None
            if self.name in self.blocks[-1].attributes:
                self.refused.append((self.name_at, text("`{name}` is set twice here", name=self.name)))
            self.blocks[-1].attributes.setdefault(self.name, self.expression_of(done))
        elif isinstance(done, _Block):
            self.blocks.pop()
            self.blocks[-1].blocks.append(self.block_of(done))
        else:
            self.scopes.pop()

    def on_block(self, start: int, end: int) -> None:
        if len(self.blocks) > DEEPEST:
            self.skipped_until = end
            return
        self.blocks.append(_Block(start, end))
        self.open.append(self.blocks[-1])

    def on_attribute(self, start: int, _end: int) -> None:
        found = _NAME.match(self.source, start)
        self.name, self.name_at = found.group().decode(errors="replace") if found else "", start

    def on_expression(self, start: int, end: int) -> None:
        self.expression = _Expression(start, end)
        self.open.append(self.expression)
        self.paths.clear()

    def on_comment(self, start: int, end: int) -> None:
        said = self.source[start:end].decode(errors="replace").rstrip("\r\n")
        line = self.lines.line(start)
        behind = bool(self.lines.before(start)[1].strip())
        self.blocks[-1].comments.append(Comment(said, line, line + said.count("\n"), behind))

    def on_variable(self, start: int, end: int) -> None:
        name = self.source[start:end]
        if self.expression is None or any(name in each.names and start >= each.since for each in self.scopes):
            return
        self.paths[end] = path = _Path(start, name.decode(errors="replace"))
        self.expression.references.append(path)

    def on_get(self, start: int, end: int) -> None:
        path = self.paths.pop(start, None)
        if path is not None:
            path.names.append(self.source[start + 1 : end].decode(errors="replace").strip())
            self.paths[end] = path

    def on_index(self, start: int, end: int) -> None:
        path = self.paths.pop(start, None)
        if path is not None:
            self.paths[end] = path
            if not path.fixed and not _LITERAL_INDEX.fullmatch(self.source, start, end):
                path.fixed = len(path.names)

    def on_scope(self, _start: int, end: int) -> None:
        self.scopes.append(_Scope(end))
        self.open.append(self.scopes[-1])

    def on_names(self, start: int, end: int) -> None:
        found = _BOUND.search(self.source, start, end)
        if found and self.scopes:
            self.scopes[-1].names = tuple(each for each in found.groups() if each)
            self.scopes[-1].since = end

    def on_template(self, start: int, end: int) -> None:
        if is_escaped(self.source, start):
            self.skipped_until = end

    def beginning(self, at: int) -> tuple[int, int]:
        """Its place. Attributes and blocks begin a line, or stand right behind the brace of a block on one line."""
        line, before = self.lines.before(at)
        if before and not before.isspace() and not before.rstrip().endswith((b"{", b"*/")):
            self.refused.append((at, text("this must begin on a line of its own")))
        return line, 1 + _width(before)

    def expression_of(self, done: _Expression) -> Expression:
        found = [each for each in done.references if len(each.names) > 1]
        references = tuple([Reference(".".join(each.names), self.lines.line(each.start), each.fixed) for each in found])
        written = self.source[done.start : done.end].decode(errors="replace")
        line, column = self.beginning(self.name_at)
        whole = self.source[self.name_at : done.end]
        if b"\n" in whole:
            ends, line = self.lines.place(done.end), self.lines.line(done.start)
        else:
            ends = line, column + _width(whole)
        return Expression(written, line, references, done.start, done.end, column, *ends)

    def block_of(self, done: _Block) -> Block:
        kind, labels = self.head(done)
        blocks = tuple(done.blocks)
        if kind == "dynamic" and labels:
            bound = done.attributes["iterator"].text if "iterator" in done.attributes else labels[0]
            blocks = tuple(_without(each, bound) for each in blocks)
        line, column = self.beginning(done.start)
        end_line, end_column = self.lines.place(done.end)
        places = (tuple(done.comments), end_line, column, end_column, done.start, done.end)
        return Block(kind, labels, line, done.attributes, blocks, *places)

    def head(self, done: _Block) -> tuple[str, tuple[str, ...]]:
        found = _HEAD.match(self.source, done.start)
        if found is None:
            # Comments or templates between the labels, or a line too many.
            plain = re.sub(rb"/\*.*?\*/", b" ", self.source[done.start : done.end], flags=re.DOTALL)
            found = re.match(rb'([^\s"{]+)((?:\s*(?:"(?:[^"\\]|\\.)*"|[^\s"{]+))*)\s*\{', plain)
        if found is None:
            return "", ()
        kind, labels = found.groups()
        if b"\n" in found.group():
            self.refused.append((done.start, text("the head of a block must stand on one line")))
        return kind.decode(errors="replace"), tuple(_label(each) for each in _LABEL.finditer(labels))


def _in_order(root: Node) -> Iterator[tuple[int, int, str]]:
    """Every node that counts, outer ones before inner ones."""
    found: list[tuple[int, int, int, str]] = []
    for kind, nodes in QueryCursor(_QUERY).captures(root).items():
        rank = _KINDS[kind]
        found += [(node.start_byte, -node.end_byte, rank, kind) for node in nodes]
    found.sort()
    return ((start, -end, kind) for start, end, _, kind in found)


def _label(found: re.Match[bytes]) -> str:
    quoted, bare = found.groups()
    return unescape(quoted.decode(errors="replace")) if bare is None else bare.decode(errors="replace")


def _without(block: Block, name: str) -> Block:
    """A block of a `dynamic` one without what only looks like a reference: its iterator."""
    for expression in block.attributes.values():
        if any(each.starts_with(name) for each in expression.references):
            expression.references = tuple(each for each in expression.references if not each.starts_with(name))
    for inner in block.blocks:
        _without(inner, name)
    return block
