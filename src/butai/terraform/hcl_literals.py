"""The values of HCL's literals, the text of its quoted strings and heredocs, and the mark for what is no literal."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any, Final

import tree_sitter_hcl
from tree_sitter import Language, Node, Parser

LANGUAGE: Final = Language(tree_sitter_hcl.language())
DEEPEST: Final = 100
_TEMPLATE = frozenset({"template_interpolation", "template_directive"})


class _Unknown:
    """Something that would have to be evaluated. It is false, so that it never passes for a value."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        return False


UNKNOWN: Final = _Unknown()

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))|(\$\$|%%)(?=\{)", re.DOTALL)
# What the engines take and this grammar does not, and as many bytes that both do: an exponent without a fraction, and a key
# in brackets on the line below a bare word, which looks like a call.
_MASKED: Final = (
    (re.compile(rb"(?<![\w.])\d+[eE][+-]?\d+(?!\w)"), lambda found: b"1" * len(found.group())),
    (re.compile(rb"(?<=\w)\n(?=[ \t]*\([^\n]*\)[ \t]*[=:][^=])"), lambda _: b","),
)
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def tree(source: bytes, parser: Parser | None = None) -> Node:
    """The file as tree-sitter sees it. Places are those of `source`; its text is to be taken from there too."""
    parser = parser or Parser(LANGUAGE)
    root = parser.parse(source).root_node
    if not root.has_error:
        return root
    masked = source
    for pattern, other in _MASKED:
        masked = pattern.sub(other, masked)
    again = parser.parse(masked).root_node if masked != source else root
    return root if again.has_error else again


def unescape(text: str) -> str:
    """The text between the quotation marks of a string, with its escapes read."""
    return normal(_ESCAPE.sub(_escaped, text))


def normal(text: str) -> str:
    """As the engines hold every text: a letter with its marks as one character, where there is one."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _escaped(match: re.Match[str]) -> str:
    short, long, simple, doubled = match.groups()
    if doubled:
        return str(doubled[0])
    if simple:
        return _SIMPLE.get(simple, match.group())
    code = int(short or long, 16)
    return chr(code) if code < 0x110000 else "\ufffd"


def heredoc(text: str) -> str:
    """The text of a heredoc without interpolations, from `<<EOT` to its closing word."""
    head, _, rest = text.partition("\n")
    lines = [f"{line}\n" for line in rest.split("\n")[:-1]]
    if head.startswith("<<-"):
        # Blank lines neither count nor change, and where the closing word stands says nothing.
        least = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        lines = [line[least:] if line.strip() else line for line in lines]
    # Only template escapes exist here, no backslashes.
    return normal(re.sub(r"(\$\$|%%)(?=\{)", lambda match: match.group()[0], "".join(lines)))


def literal(text: str) -> Any:
    """The value of an expression of literals alone; UNKNOWN for anything that would have to be evaluated."""
    source = f"x = {text}\n".encode(errors="replace")
    root = tree(source)
    if root.has_error or not root.named_children:
        return UNKNOWN
    return _Literals(source).value(root.named_children[0].named_children[0].named_children[-1])


def is_escaped(source: bytes, start: int) -> bool:
    """Whether a template's mark there is text: `$$${x}` is text for the engines; tree-sitter sees an interpolation in it."""
    return source[max(start - 2, 0) : start] in {b"$$", b"%%"}


class _Literals:
    """Reads values; holds the bytes that the nodes point into."""

    def __init__(self, source: bytes) -> None:
        self.source = source

    def text(self, node: Node) -> str:
        return self.source[node.start_byte : node.end_byte].decode(errors="replace")

    def value(self, node: Node, depth: int = 0) -> Any:
        if depth > DEEPEST:
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
                value: Any = self.value(children[0], depth + 1) if len(children) == 1 else UNKNOWN
                is_number = isinstance(value, int | float) and not isinstance(value, bool)
                return -value if is_number and self.text(node).startswith("-") else UNKNOWN
            case "tuple":
                return [self.value(each, depth + 1) for each in children if each.type == "expression"]
            case "object":
                return self.object([each for each in children if each.type == "object_elem"], depth + 1)
            case "expression" | "literal_value" | "template_expr" | "collection_value" | "operation":
                return self.value(children[0], depth + 1) if len(children) == 1 else UNKNOWN
        return UNKNOWN

    def object(self, elements: list[Node], depth: int) -> Any:
        """UNKNOWN as a whole where a key has to be evaluated; a value that has to be is UNKNOWN by itself."""
        found: dict[str, Any] = {}
        for each in elements:
            key = self.key(each.named_children[0], depth)
            if key is UNKNOWN:
                return UNKNOWN
            found[key] = self.value(each.named_children[-1], depth)
        return found

    def key(self, node: Node, depth: int) -> Any:
        text = self.text(node)
        if re.fullmatch(r"[^\W\d][\w-]*", text):
            # A bare word is a name here, not a reference.
            return normal(text)
        known = self.value(node, depth)
        if isinstance(known, bool):
            return str(known).lower()
        if isinstance(known, int | float):
            return f"{known:.0f}" if known == int(known) else str(known)
        return known if isinstance(known, str) else UNKNOWN

    def template(self, node: Node) -> Any:
        if any(each.type in _TEMPLATE and not is_escaped(self.source, each.start_byte) for each in node.named_children):
            return UNKNOWN
        text = self.text(node)
        return heredoc(text) if node.type == "heredoc_template" else unescape(text[1:-1])


def _number(text: str) -> Any:
    try:
        number = int(text) if re.fullmatch(r"\d{1,300}", text) else float(text)
    except ValueError:
        return UNKNOWN
    return number if math.isfinite(number) else UNKNOWN
