"""HCL's native syntax as blocks, attributes and references, with places. Nothing is evaluated.

Built on tree-sitter, which takes everything the engines take, and some texts that they refuse: the engine's own message is
the judge of what is valid.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tree_sitter import Node, Parser, Range

from butai.terraform.hcl_blocks import Block, Comment, Expression, Parsed, Reference, SyntaxProblem
from butai.terraform.hcl_literals import LANGUAGE, UNKNOWN, tree
from butai.terraform.hcl_sweep import Lines, sweep
from butai.text import text

__all__ = ["UNKNOWN", "Block", "Comment", "Expression", "Parsed", "Reference", "SyntaxProblem", "parse_hcl"]

# A tree takes sixty times its file.
LARGEST: Final = 50_000_000
_MARK: Final = b"\xef\xbb\xbf"
_CONFLICT = re.compile(
    rb"(^<{7}(?: [^\n]*)?\r?\n)(.*?)(^(?:\|{7}|={7})(?: [^\n]*)?\r?\n.*?^>{7}[^\n]*$)", re.MULTILINE | re.DOTALL
)
_ONE_LINE = re.compile(rb"\A[^\n]*\}[ \t\r]*$", re.MULTILINE)
_CLOSING_LINE = re.compile(rb"^\}[ \t\r]*$", re.MULTILINE)
_BLOCK_HEAD = re.compile(rb'^[A-Za-z_][\w-]*(?:[ \t]+(?:"[^"\n]*"|[\w-]+))*[ \t]*\{', re.MULTILINE)

# What is missing at the end of something is told where that begins.
_UNENDED: Final = {
    "quoted_template_end": text("this text has no closing quotation mark"),
    "heredoc_identifier": text("this heredoc has no closing word"),
}


def parse_hcl(source: bytes, file: str) -> Parsed:
    """Read one file. `file` is the name for messages. Never raises for any bytes.

    Of a broken file the blocks around the damage are still given.
    """
    if len(source) > LARGEST:
        large = text("the file is larger than {size} bytes", size=LARGEST)
        return Parsed(Block("", (), 1), SyntaxProblem(file, 1, 1, large))
    if source.startswith(_MARK):
        # Blanks in its place: what comes after stays where it is.
        source = b"   " + source[len(_MARK) :]
    root = tree(source)
    if root.has_error:
        return _broken(source, root, file)
    lines = Lines(source)
    body, refused = sweep(source, root, lines)
    return Parsed(body, _not_text(source, file) or _refused(lines, refused, file))


def _refused(lines: Lines, refused: list[tuple[int, str]], file: str) -> SyntaxProblem | None:
    return SyntaxProblem(file, *lines.place(refused[0][0]), refused[0][1]) if refused else None


def _broken(source: bytes, root: Node, file: str) -> Parsed:
    conflict = _CONFLICT.search(source)
    if conflict is None:
        return _around_the_damage(source, root, file)
    # One side of it, with blanks in place of the rest.
    one_side = _CONFLICT.sub(lambda found: _blank(found[1]) + found[2] + _blank(found[3]), source)
    line = source.count(b"\n", 0, conflict.start()) + 1
    unresolved = SyntaxProblem(file, line, 1, text("a merge conflict is not resolved here"))
    return replace(parse_hcl(one_side, file), problem=unresolved)


def _blank(lines: bytes) -> bytes:
    return re.sub(rb"[^\r\n]", b" ", lines)


def _not_text(source: bytes, file: str) -> SyntaxProblem | None:
    try:
        source.decode()
    except UnicodeDecodeError as error:
        line, column = Lines(source).place(error.start)
        return SyntaxProblem(file, line, column, text("this is not UTF-8"))
    return None


def _around_the_damage(source: bytes, whole: Node, file: str) -> Parsed:
    """Parse each top-level block by itself: one error makes tree-sitter lose most of a file, and where the error is."""
    blocks: list[Block] = []
    attributes: dict[str, Expression] = {}
    comments: list[Comment] = []
    problem: SyntaxProblem | None = None
    lines = Lines(source)
    for start, end in _pieces(source):
        root = _parse_piece(source, start, end)
        kept: Node | None = root
        if root.has_error:
            problem = problem or _problem(lines, root, file)
            kept = _without_its_rest(source, start, end)
        if kept is not None:
            body, _ = sweep(source, kept, lines)
            blocks += body.blocks
            comments += body.comments
            attributes |= body.attributes
    # Cut in pieces everything parses: the damage was between them.
    problem = problem or _problem(lines, whole, file)
    return Parsed(Block("", (), 1, attributes, tuple(blocks), tuple(comments)), problem)


def _parse_piece(source: bytes, start: int, end: int) -> Node:
    point = source.count(b"\n", 0, start), 0
    last = source.rfind(b"\n", 0, end) + 1
    until = source.count(b"\n", 0, end), end - last
    parser = Parser(LANGUAGE)
    # Places are those of the whole file then.
    parser.included_ranges = [Range(point, until, start, end)]
    return tree(source, parser)


def _without_its_rest(source: bytes, start: int, end: int) -> Node | None:
    """The block that a piece begins with, where what is broken comes after it."""
    for pattern in (_ONE_LINE, _CLOSING_LINE):
        found = pattern.search(source, start, end)
        root = _parse_piece(source, start, found.end()) if found else None
        if root is not None and not root.has_error:
            return root
    return None


def _pieces(source: bytes) -> Iterator[tuple[int, int]]:
    heads = [match.start() for match in _BLOCK_HEAD.finditer(source)]
    cuts = [0, *(each for each in heads if each), len(source)]
    return ((start, end) for start, end in itertools.pairwise(cuts) if source[start:end].strip())


def _problem(lines: Lines, root: Node, file: str) -> SyntaxProblem:
    node = _first_error(root)
    at, what = node.start_byte, text("this is not HCL")
    if node.type in _UNENDED and node.parent:
        at, what = node.parent.start_byte, _UNENDED[node.type]
    elif node.is_missing and not node.type.isidentifier():
        what = text("`{kind}` is missing here", kind=node.type)
    elif not node.is_missing and (odd := _odd_quotes(lines.source, root)) is not None:
        at, what = odd, text("a quotation mark is missing on this line")
    return SyntaxProblem(file, *lines.place(at), what)


def _odd_quotes(source: bytes, root: Node) -> int | None:
    """Where the first line begins that opens a text and does not close it. In a heredoc that is allowed."""
    piece = source[root.start_byte : root.end_byte]
    if b"<<" not in piece:
        for found in re.finditer(rb"[^\n]+", piece):
            if re.sub(rb"\\.|[ \t]*(?:#|//)[^\"\n]*$", b"", found.group()).count(b'"') % 2:
                return root.start_byte + found.start()
    return None


def _first_error(root: Node) -> Node:
    waiting = [root]
    innermost = root
    while waiting:
        node = waiting.pop()
        if node.is_missing:
            return node
        if node.is_error:
            innermost = node
            if not any(child.has_error for child in node.children):
                return node
        waiting += [child for child in reversed(node.children) if child.has_error or child.is_missing]
    return innermost
