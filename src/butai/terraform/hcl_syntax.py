"""HCL's native syntax as blocks, attributes and references, with places. Nothing is evaluated.

Built on tree-sitter, which takes everything the engines take, and some texts that they refuse: the engine's own message is
the judge of what is valid.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
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
_BLOCK_HEAD = re.compile(rb'^[A-Za-z_][\w-]*(?:[ \t]+(?:"[^"\n]*"|[\w-]+))*[ \t]*\{', re.MULTILINE)


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
        return _around_the_damage(source, root, file)
    return Parsed(sweep(source, root), _not_text(source, file))


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
        if root.has_error:
            problem = problem or _problem(lines, root, file)
            continue
        body = sweep(source, root, lines)
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


def _pieces(source: bytes) -> Iterator[tuple[int, int]]:
    heads = [match.start() for match in _BLOCK_HEAD.finditer(source)]
    cuts = [0, *(each for each in heads if each), len(source)]
    return ((start, end) for start, end in itertools.pairwise(cuts) if source[start:end].strip())


def _problem(lines: Lines, root: Node, file: str) -> SyntaxProblem:
    node = _first_error(root)
    line, column = lines.place(node.start_byte)
    missing = text("`{kind}` is missing here", kind=node.type)
    return SyntaxProblem(file, line, column, missing if node.is_missing else text("this is not HCL"))


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
