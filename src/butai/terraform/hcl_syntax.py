"""HCL's native syntax as blocks, attributes, literals and references, with places. Nothing is evaluated.

Built on tree-sitter, which takes everything the engines take, and some texts that they refuse: the engine's own message is
the judge of what is valid.
"""

from __future__ import annotations

import bisect
import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tree_sitter_hcl
from tree_sitter import Language, Node, Parser

from butai.terraform.hcl_literals import UNKNOWN, heredoc, unescape
from butai.text import text

__all__ = ["UNKNOWN", "Block", "Expression", "Parsed", "Reference", "SyntaxProblem", "parse_hcl"]

_LANGUAGE = Language(tree_sitter_hcl.language())
_DEEPEST = 100
# A tree takes sixty times its file.
_LARGEST = 5_000_000
_TEMPLATE = frozenset({"template_interpolation", "template_directive"})
_BLOCK_HEAD = re.compile(rb'^[A-Za-z_][\w-]*(?:[ \t]+(?:"[^"\n]*"|[\w-]+))*[ \t]*\{', re.MULTILINE)


@dataclass(frozen=True)
class Reference:
    """A dotted path such as `var.environment` or `aws_lb.main.arn`. Indexes are left out, and it ends at a splat."""

    path: str
    line: int

    def starts_with(self, *names: str) -> bool:
        """Whether the path begins with these names."""
        return tuple(self.path.split(".")[: len(names)]) == names


@dataclass(frozen=True)
class Expression:
    """The right side of an attribute: its text, what it refers to, and its value where it is a literal (else UNKNOWN)."""

    text: str
    line: int
    value: Any = UNKNOWN
    references: tuple[Reference, ...] = ()

    def variables(self) -> list[str]:
        """Names of the input variables it refers to directly, in order, each once."""
        return list(dict.fromkeys(each.path.split(".")[1] for each in self.references if each.starts_with("var")))


@dataclass(frozen=True)
class Block:
    """A block: its type, labels, attributes and inner blocks. The whole file is a block with an empty type."""

    type: str
    labels: tuple[str, ...]
    line: int
    attributes: Mapping[str, Expression] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()

    def value(self, name: str, default: Any = None) -> Any:
        """The literal value of an attribute; `default` where it is missing or no literal."""
        found = self.attributes[name].value if name in self.attributes else UNKNOWN
        return default if found is UNKNOWN else found

    def text(self, name: str) -> str:
        """The source text of an attribute's expression; empty where it is missing."""
        return self.attributes[name].text if name in self.attributes else ""

    def of_type(self, kind: str) -> list[Block]:
        """Inner blocks of one type."""
        return [each for each in self.blocks if each.type == kind]

    def expressions(self) -> Iterator[Expression]:
        """Every attribute's expression, inner blocks included."""
        yield from self.attributes.values()
        for inner in self.blocks:
            yield from inner.expressions()


@dataclass(frozen=True)
class SyntaxProblem:
    """Where a file stops being HCL, as near as can be told. Line and column (in characters) count from 1."""

    file: str
    line: int
    column: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.what}"


@dataclass(frozen=True)
class Parsed:
    """What could be read of a file, and its first problem, if there is one."""

    body: Block
    problem: SyntaxProblem | None = None


def parse_hcl(source: bytes, file: str) -> Parsed:
    """Read one file. `file` is the name for messages. Never raises for any bytes.

    Of a broken file the blocks around the damage are still given.
    """
    if len(source) > _LARGEST:
        return Parsed(
            Block("", (), 1), SyntaxProblem(file, 1, 1, text("the file is larger than {size} bytes", size=_LARGEST))
        )
    source = source.removeprefix(b"\xef\xbb\xbf")
    root = Parser(_LANGUAGE).parse(source).root_node
    if not root.has_error:
        return Parsed(_Reader(source).body("", (), root, 1))
    return _around_the_damage(source, file)


def _around_the_damage(source: bytes, file: str) -> Parsed:
    """Parse each top-level block by itself: one error makes tree-sitter lose most of a file, and where the error is."""
    blocks: list[Block] = []
    attributes: dict[str, Expression] = {}
    problem: SyntaxProblem | None = None
    for start, end in _pieces(source):
        # Blank out what is before, so that lines and columns stay true.
        piece = re.sub(rb"[^\n]", b" ", source[:start]) + source[start:end]
        root = Parser(_LANGUAGE).parse(piece).root_node
        if root.has_error:
            problem = problem or _problem(piece, root, file)
            continue
        body = _Reader(piece).body("", (), root, 1)
        blocks += body.blocks
        attributes |= body.attributes
    # Cut in pieces everything parses: the damage was between them.
    problem = problem or _problem(source, Parser(_LANGUAGE).parse(source).root_node, file)
    return Parsed(Block("", (), 1, attributes, tuple(blocks)), problem)


def _pieces(source: bytes) -> Iterator[tuple[int, int]]:
    heads = [match.start() for match in _BLOCK_HEAD.finditer(source)]
    cuts = [0, *(each for each in heads if each), len(source)]
    return ((start, end) for start, end in itertools.pairwise(cuts) if source[start:end].strip())


def _problem(source: bytes, root: Node, file: str) -> SyntaxProblem:
    node = _first_error(root)
    row, column = node.start_point
    before = source.split(b"\n")[row][:column].decode(errors="replace")
    # As Go counts: a combining mark belongs to its letter.
    column = 1 + sum(not unicodedata.combining(each) for each in before)
    missing = text("`{kind}` is missing here", kind=node.type)
    what = missing if node.is_missing else text("this is not HCL")
    return SyntaxProblem(file, row + 1, column, what)


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


class _Reader:
    """Turns nodes into blocks; holds the bytes that the nodes point into."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.newlines = [match.start() for match in re.finditer(rb"\n", source)]

    def body(self, kind: str, labels: tuple[str, ...], node: Node, line: int, depth: int = 0) -> Block:
        attributes: dict[str, Expression] = {}
        blocks: list[Block] = []
        for child in _body_children(node):
            if child.type == "attribute":
                name, expression = child.named_children[0], child.named_children[-1]
                # An attribute written twice is the engine's to refuse; the first is kept.
                attributes.setdefault(self.text(name), self.expression(expression))
            elif child.type == "block" and depth < _DEEPEST:
                blocks.append(self.block(child, depth + 1))
        return Block(kind, labels, line, attributes, tuple(blocks))

    def block(self, node: Node, depth: int) -> Block:
        heads = [child for child in node.named_children if child.type in {"identifier", "string_lit"}]
        labels = tuple(self.label(each) for each in heads[1:])
        return self.body(self.text(heads[0]), labels, node, node.start_point[0] + 1, depth)

    def label(self, node: Node) -> str:
        text = self.text(node)
        return unescape(text[1:-1]) if node.type == "string_lit" else text

    def text(self, node: Node) -> str:
        return self.source[node.start_byte : node.end_byte].decode(errors="replace")

    def expression(self, node: Node) -> Expression:
        line = node.start_point[0] + 1
        found = sorted(self.references(node))
        references = tuple(Reference(path, bisect.bisect(self.newlines, at) + 1) for at, path in found)
        return Expression(self.text(node), line, self.literal(node), references)

    def literal(self, node: Node, depth: int = 0) -> Any:
        """The value of an expression of literals alone; UNKNOWN for anything that would have to be evaluated."""
        if depth > _DEEPEST:
            return UNKNOWN
        children = node.named_children
        match node.type:
            case "string_lit" | "quoted_template" | "heredoc_template":
                return self.template(node)
            case "numeric_lit":
                return _number(self.text(node))
            case "bool_lit":
                return self.text(node) == "true"
            case "null_lit":
                return None
            case "unary_operation":
                value: Any = self.literal(children[0], depth + 1) if len(children) == 1 else UNKNOWN
                is_number = isinstance(value, int | float) and not isinstance(value, bool)
                return -value if is_number and self.text(node).startswith("-") else UNKNOWN
            case "tuple":
                return [self.literal(each, depth + 1) for each in children if each.type == "expression"]
            case "object":
                return dict(self.element(each, depth + 1) for each in children if each.type == "object_elem")
            case "expression" | "literal_value" | "template_expr" | "collection_value" | "operation":
                return self.literal(children[0], depth + 1) if len(children) == 1 else UNKNOWN
        return UNKNOWN

    def element(self, node: Node, depth: int) -> tuple[Any, Any]:
        key, value = node.named_children[0], node.named_children[-1]
        known = self.literal(key, depth)
        # A bare word is a name here, not a reference.
        name = self.text(key) if known is UNKNOWN or isinstance(known, bool | list | dict) else str(known)
        return name, self.literal(value, depth)

    def template(self, node: Node) -> Any:
        if any(each.type in _TEMPLATE and not self.is_escaped(each) for each in node.named_children):
            return UNKNOWN
        text = self.text(node)
        return heredoc(text) if node.type == "heredoc_template" else unescape(text[1:-1])

    def references(self, node: Node) -> Iterator[tuple[int, str]]:
        """Where a reference starts (byte), and its path."""
        waiting: list[tuple[Node, frozenset[str]]] = [(node, frozenset())]
        while waiting:
            current, bound = waiting.pop()
            if self.is_escaped(current):
                continue
            bound |= self.bound_by(current)
            children = current.named_children
            for index, child in enumerate(children):
                if child.type == "variable_expr":
                    path = self.path(children[index:])
                    if "." in path and path.split(".")[0] not in bound:
                        yield child.start_byte, path
                else:
                    waiting.append((child, bound))

    def path(self, nodes: list[Node]) -> str:
        """The dotted path that begins at the first node: a traversal is a row of siblings that touch."""
        names, end = [self.text(nodes[0])], nodes[0].end_byte
        for node in nodes[1:]:
            if node.start_byte != end or node.type not in {"get_attr", "index"}:
                break
            if node.type == "get_attr":
                names.append(self.text(node.named_children[0]))
            end = node.end_byte
        return ".".join(names)

    def bound_by(self, node: Node) -> frozenset[str]:
        """Names that a `for` expression binds for what is inside it."""
        intros = [each for each in node.named_children if each.type == "for_intro"]
        return frozenset(
            self.text(each) for intro in intros for each in intro.named_children if each.type == "identifier"
        )

    def is_escaped(self, node: Node) -> bool:
        # `$$${x}` is text for the engines; tree-sitter sees an interpolation in it.
        before = self.source[max(node.start_byte - 2, 0) : node.start_byte]
        return node.type in _TEMPLATE and before in {b"$$", b"%%"}


def _body_children(node: Node) -> list[Node]:
    bodies = [child for child in node.named_children if child.type == "body"]
    return [child for body in bodies for child in body.named_children]


def _number(text: str) -> Any:
    try:
        return int(text) if re.fullmatch(r"\d{1,300}", text) else float(text)
    except (ValueError, OverflowError):
        return UNKNOWN
