"""Source texts of expressions and templates, parsed: where Terraform would refuse a text, there is no result."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import tree_sitter_hcl
from tree_sitter import Language, Parser
from tree_sitter import Node as Part

from butai.terraform.evaluation.building import Builder
from butai.terraform.evaluation.limits import LONGEST_SOURCE, BeyondLimits
from butai.terraform.evaluation.syntax import Node
from butai.terraform.evaluation.template_parsing import Malformed

_LANGUAGE = Language(tree_sitter_hcl.language())
# Characters of a text that is worth keeping parsed.
_LONGEST_KEPT = 10_000


def parse_expression(text: str) -> Node | None:
    """The parsed right side of an attribute; none where Terraform would not accept it, or beyond the limits."""
    return _parse_cached(text) if len(text) < _LONGEST_KEPT else _parse(text)


def parse_template(text: str) -> Node | None:
    """A template file's or string's parsed content; none where Terraform would not accept it, or beyond the limits."""
    word = "END"
    while word in text:
        word += "_D"
    head, content = f"x = <<{word}\n".encode(), _encoded(text)
    if content is None:
        return None
    source = head + content + f"\n{word}\n".encode()
    root = Parser(_LANGUAGE).parse(source).root_node
    found = [each for each in _descend(root) if each.type == "heredoc_template"]
    if root.has_error or not found:
        return None
    try:
        return Builder(source).template(found[0], "bare", len(head), len(head) + len(content))
    except (Malformed, BeyondLimits, RecursionError):
        return None


def _encoded(text: str) -> bytes | None:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return None
    return encoded if len(encoded) <= LONGEST_SOURCE else None


def _parse(text: str) -> Node | None:
    encoded = _encoded(text.strip(" \t\r\n"))
    if encoded is None or b"\r" in encoded.replace(b"\r\n", b""):
        return None
    source = b"x = " + encoded + b"\n"
    root = Parser(_LANGUAGE).parse(source).root_node
    body = [each for each in root.named_children if each.type == "body"]
    attributes = [each for each in (body[0] if body else root).named_children if each.type != "comment"]
    if root.has_error or len(attributes) != 1 or attributes[0].type != "attribute":
        return None
    found = attributes[0].named_children
    if found[0].end_byte != 1 or found[-1].type != "expression":
        return None
    try:
        return Builder(source).expression(found[-1], any_lines=False)
    except (Malformed, BeyondLimits, RecursionError):
        return None


_parse_cached = lru_cache(maxsize=4096)(_parse)


def _descend(root: Part) -> Iterator[Part]:
    part = root
    while part.named_children and part.type != "heredoc_template":
        part = part.named_children[-1]
        yield part
