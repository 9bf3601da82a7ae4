"""A tree of tree-sitter's as blocks, in one sweep over the few kinds of nodes that say everything.

A walk over all nodes would take longer than the parsing itself: there are twenty times as many.
"""

from __future__ import annotations

import bisect
import itertools
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from tree_sitter import Node, Query, QueryCursor

from butai.terraform.hcl_blocks import Block, Comment, Expression, Reference
from butai.terraform.hcl_literals import DEEPEST, LANGUAGE, is_escaped, unescape
from butai.text import text

_QUERY: Final = Query(
    LANGUAGE,
    """
    (block) @block
    (attribute (identifier) @name (expression) @expression)
    (comment) @comment
    (variable_expr) @variable
    (get_attr) @get
    (index) @index
    (for_tuple_expr (for_intro) @bound) @scope
    (for_object_expr (for_intro) @bound) @scope
    (template_for (template_for_start) @bound) @scope
    (template_interpolation) @template
    (template_directive) @template
    """,
)
Place = tuple[int, int]
# What stands in the place of an attribute's name.
_BLOCK: Final[Place] = (-1, -1)
_COMMENT: Final[Place] = (-2, -2)
# Nothing here is tried twice: of a long word in a broken file there would be no end of ways to cut it.
_HEAD = re.compile(rb'([^\s"{]++)((?:[ \t]*+(?:"(?:[^"\\\n$%{]|\\.)*+"|[^\s"{/#]++))*+)[ \t]*+\{')
_LOOSE_HEAD = re.compile(rb'([^\s"{]++)((?:\s*+(?:"(?:[^"\\]|\\.)*+"|[^\s"{]++))*+)\s*+\{')
# A file of one long line would be looked through again and again.
_LOOKED_BACK: Final = 1000
_LABEL = re.compile(rb'"((?:[^"\\]|\\.)*)"|([^\s"]+)')
_LITERAL_INDEX = re.compile(rb'\[\s*(?:"(?:[^"\\$%]|\\.)*"|\d+)\s*\]|\.\d+')
_BOUND = re.compile(rb"(?:for)\s+([^\s,]+)\s*(?:,\s*([^\s,]+)\s*)?in\b")


class Lines:
    """Where lines begin in some bytes."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.is_ascii = source.isascii()
        lengths = itertools.accumulate(map(len, source.split(b"\n")))
        self.ends = [length + number for number, length in enumerate(lengths)]

    def line(self, at: int) -> int:
        """The line of a byte, from 1."""
        return bisect.bisect_left(self.ends, at) + 1

    def begins(self, at: int) -> tuple[int, int]:
        """The line of a byte, from 1, and where that begins."""
        before = bisect.bisect_left(self.ends, at)
        return before + 1, self.ends[before - 1] + 1 if before else 0

    def place(self, at: int) -> tuple[int, int]:
        """Line and column of a byte, both from 1."""
        line, start = self.begins(at)
        return line, 1 + self.width(start, at)

    def width(self, start: int, end: int) -> int:
        """In characters, as Go counts: a combining mark belongs to its letter."""
        if self.is_ascii:
            return end - start
        return sum(not unicodedata.combining(each) for each in self.source[start:end].decode(errors="replace"))


def sweep(source: bytes, root: Node, lines: Lines | None = None) -> tuple[Block, list[tuple[int, str]]]:
    """The whole file as a block, and what the engines refuse though tree-sitter takes it, by the place in the file's bytes.

    Of an attribute that is written twice the first is kept.
    """
    found = _Sweep(source, lines or Lines(source), QueryCursor(_QUERY).captures(root))
    return found.over(), sorted(found.refused)


class _Block:
    """A block whose end has not come yet."""

    __slots__ = ("attributes", "blocks", "comments", "end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end
        self.attributes: dict[str, Expression] = {}
        self.blocks: list[Block] = []
        self.comments: list[Comment] = []


class _Sweep:
    def __init__(self, source: bytes, lines: Lines, captured: Mapping[str, list[Node]]) -> None:
        self.source, self.lines = source, lines
        self.found = _Found(source, captured)
        self.references = _References(source, lines, self.found)
        self.file = _Block(0, len(source) + 1)
        self.open = [self.file]
        self.refused: list[tuple[int, str]] = []

    def over(self) -> Block:
        skipped_until = 0
        for start, end, name in self.in_order():
            while self.open[-1].end <= start:
                self.close()
            if start < skipped_until:
                continue
            if name is _BLOCK and len(self.open) > DEEPEST:
                skipped_until = end
            elif name is _BLOCK:
                self.open.append(_Block(start, end))
            elif name is _COMMENT:
                self.open[-1].comments.append(self.comment_of(start, end))
            else:
                self.add_attribute(name, start, end)
        while len(self.open) > 1:
            self.close()
        return Block("", (), 1, self.file.attributes, tuple(self.file.blocks), tuple(self.file.comments))

    def in_order(self) -> list[tuple[int, int, Place]]:
        """Blocks, comments, and expressions with the places of their names."""
        found: list[tuple[int, int, Place]] = [(start, end, _BLOCK) for start, end in self.found["block"]]
        found += [(start, end, _COMMENT) for start, end in self.found["comment"]]
        # In a tree without errors every attribute has one of both.
        names, expressions = self.found["name"], self.found["expression"]
        found += [(start, end, name) for name, (start, end) in zip(names, expressions, strict=True)]
        found.sort()
        return found

    def close(self) -> None:
        done = self.open.pop()
        self.open[-1].blocks.append(self.block_of(done))

    def comment_of(self, start: int, end: int) -> Comment:
        said = self.source[start:end].decode(errors="replace").rstrip("\r\n")
        line, begins = self.lines.begins(start)
        return Comment(said, line, line + said.count("\n"), bool(self.before(begins, start).strip()))

    def add_attribute(self, name: Place, start: int, end: int) -> None:
        called = self.source[name[0] : name[1]].decode(errors="replace")
        expression = self.expression_of(name[0], start, end)
        if self.open[-1].attributes.setdefault(called, expression) is not expression:
            self.refused.append((name[0], text("`{name}` is set twice here", name=called)))

    def expression_of(self, name_at: int, start: int, end: int) -> Expression:
        written = self.source[start:end].decode(errors="replace")
        line, column = self.beginning(name_at)
        if b"\n" in self.source[name_at:end]:
            line, ends = self.lines.line(start), self.lines.place(end)
        else:
            ends = line, column + self.lines.width(name_at, end)
        return Expression(written, line, self.references.between(start, end), start, end, column, *ends)

    def beginning(self, at: int) -> tuple[int, int]:
        """Its place. Attributes and blocks begin a line, or stand right behind the brace of a block on one line."""
        line, begins = self.lines.begins(at)
        before = self.before(begins, at)
        if before and not before.isspace() and not before.rstrip().endswith((b"{", b"*/")):
            self.refused.append((at, text("this must begin on a line of its own")))
        return line, 1 + self.lines.width(begins, at)

    def before(self, begins: int, at: int) -> bytes:
        """What stands before a byte on its line."""
        return self.source[max(begins, at - _LOOKED_BACK) : at]

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
            found = _LOOSE_HEAD.match(plain)
        if found is None:
            return "", ()
        kind, labels = found.groups()
        if b"\n" in found.group():
            self.refused.append((done.start, text("the head of a block must stand on one line")))
        return kind.decode(errors="replace"), tuple(_label(each) for each in _LABEL.finditer(labels))


class _Found:
    """Where the nodes of each kind are, in the order of the file, outer ones first; without those in what is text."""

    def __init__(self, source: bytes, captured: Mapping[str, list[Node]]) -> None:
        self.all = {kind: _places(nodes) for kind, nodes in captured.items()}
        # Templates that the engines take for text. None lies in another.
        self.escaped: list[Place] = []
        for start, end in self.all.get("template", ()):
            if is_escaped(source, start) and (not self.escaped or self.escaped[-1][1] <= start):
                self.escaped.append((start, end))

    def __getitem__(self, kind: str) -> list[Place]:
        places = self.all.get(kind, [])
        return [each for each in places if not self.is_text(each[0])] if self.escaped else places

    def is_text(self, at: int) -> bool:
        place = bisect.bisect_right(self.escaped, (at, sys.maxsize)) - 1
        return place >= 0 and at < self.escaped[place][1]


class _Scope(NamedTuple):
    """A `for`, which binds names behind `since`."""

    start: int
    end: int
    since: int
    names: tuple[bytes, ...]


class _References:
    """What expressions refer to, one expression after the other."""

    def __init__(self, source: bytes, lines: Lines, found: _Found) -> None:
        self.source, self.lines = source, lines
        # A traversal is a row of nodes that touch: where each part ends, by where it begins.
        self.parts, self.indexes = dict(found["get"]), dict(found["index"])
        # The next one is the last one.
        self.variables = found["variable"][::-1]
        scopes = zip(found["scope"], found["bound"], strict=True)
        self.scopes = [_Scope(*scope, names[1], self.bound(names)) for scope, names in scopes][::-1]

    def bound(self, place: Place) -> tuple[bytes, ...]:
        found = _BOUND.search(self.source, *place)
        return tuple(each for each in found.groups() if each) if found else ()

    def between(self, start: int, end: int) -> tuple[Reference, ...]:
        """Those of one expression. Bare words are none."""
        found: list[Reference] = []
        open_: list[_Scope] = []
        while self.variables and self.variables[-1][0] < end:
            at, until = self.variables.pop()
            while self.scopes and self.scopes[-1].start < at:
                _close(open_, self.scopes[-1].start)
                open_.append(self.scopes.pop())
            is_one = at >= start and (until in self.parts or until in self.indexes)
            if is_one and not (open_ and self.is_bound(at, until, open_)):
                found += self.reference(at, until)
        return tuple(found)

    def is_bound(self, at: int, until: int, open_: list[_Scope]) -> bool:
        _close(open_, at)
        name = self.source[at:until]
        return any(name in each.names for each in open_ if each.since <= at)

    def reference(self, at: int, until: int) -> Iterator[Reference]:
        """The one that begins with a variable, if there is any name behind that."""
        names, fixed = [self.source[at:until]], 0
        line = self.lines.line(at)
        while True:
            if until in self.parts:
                at, until = until + 1, self.parts[until]
                names.append(self.source[at:until].strip())
            elif until in self.indexes:
                at, until = until, self.indexes[until]
                if not fixed and not _LITERAL_INDEX.fullmatch(self.source, at, until):
                    fixed = len(names)
            else:
                break
        if len(names) > 1:
            yield Reference(b".".join(names).decode(errors="replace"), line, fixed)


def _close(open_: list[_Scope], at: int) -> None:
    while open_ and open_[-1].end <= at:
        open_.pop()


def _places(nodes: list[Node]) -> list[Place]:
    return sorted([(node.start_byte, node.end_byte) for node in nodes])


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
