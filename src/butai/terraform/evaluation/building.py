"""tree-sitter's parts of an expression, made into nodes.

How operators bind is decided here, since tree-sitter's grammar takes `a ? b : c ? d : e` from the left, and so are line
ends, which it ignores, and escapes of templates.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from tree_sitter import Node as Part

from butai.terraform.evaluation import numbers
from butai.terraform.evaluation.limits import DEEPEST, BeyondLimits
from butai.terraform.evaluation.operators import Operators, Token
from butai.terraform.evaluation.syntax import (
    Attribute,
    Call,
    For,
    Index,
    Literal,
    Name,
    Node,
    ObjectOf,
    Splat,
    Step,
    Traversal,
    TupleOf,
    Wrong,
)
from butai.terraform.evaluation.template_parsing import Malformed, Marker, TemplateTokens, nest
from butai.terraform.evaluation.types import NUMBER
from butai.terraform.evaluation.values import FALSE, NULL, TRUE, number, string

_NUMBER = re.compile(rb"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INLINE = frozenset({"expression", "operation", "binary_operation", "unary_operation", "conditional"})
_STEPS = frozenset({"get_attr", "index", "splat"})
_HOLDERS = frozenset({"literal_value", "template_expr", "collection_value", "for_expr"})
_MARKERS = frozenset(
    {
        "template_interpolation",
        "template_if_intro",
        "template_else_intro",
        "template_if_end",
        "template_for_start",
        "template_for_end",
    }
)


class Builder:
    """Makes nodes of the parts of a source. `any_lines` says whether line ends mean nothing where a part is.

    Raises Malformed for what Terraform would not accept, and BeyondLimits.
    """

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.depth = 0

    def text(self, part: Part) -> str:
        return self.source[part.start_byte : part.end_byte].decode(errors="replace")

    def expression(self, part: Part, any_lines: bool) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise BeyondLimits
        found = Operators(self.tokens(part, any_lines)).expression()
        self.depth -= 1
        return found

    def tokens(self, part: Part, any_lines: bool) -> list[Token]:
        """Operators and operands in their order, whatever tree they were in."""
        rows: list[list[Part]] = []
        flat = list(_flat(part))
        if not any_lines and any(_is_broken(*pair) for pair in itertools.pairwise(flat)):
            raise Malformed
        for each in flat:
            if rows and (each.type in _STEPS or (rows[-1][0].type == "(" and len(rows[-1]) < 3)):
                rows[-1].append(each)
            else:
                rows.append([each])
        return [row[0].type if len(row) == 1 and not row[0].is_named else self.operand(row, any_lines) for row in rows]

    def operand(self, row: list[Part], any_lines: bool) -> Node:
        if row[0].type == "(":
            if len(row) < 3:
                raise Malformed
            base, rest = self.expression(row[1], any_lines=True), row[3:]
        else:
            base, rest = self.term(row[0], any_lines), row[1:]
        steps = [step for each in rest for step in self.flat_steps(each, any_lines)]
        return Traversal(base, self.steps(steps)) if steps else base

    def term(self, part: Part, any_lines: bool) -> Node:
        if part.type in _HOLDERS:
            return self.term(part.named_children[0], any_lines)
        match part.type:
            case "variable_expr":
                return Name(self.text(part))
            case "numeric_lit":
                return self.number(part)
            case "bool_lit":
                return Literal(TRUE if self.text(part) == "true" else FALSE)
            case "null_lit":
                return Literal(NULL)
            case "string_lit" | "quoted_template":
                return self.template(part, "quoted", part.start_byte + 1, part.end_byte - 1)
            case "heredoc_template":
                return self.heredoc(part)
            case "tuple":
                return TupleOf(tuple(self.expression(each, True) for each in _expressions(part)))
            case "object":
                return self.object(part)
            case "for_tuple_expr" | "for_object_expr":
                return self.loop(part)
            case "function_call":
                return self.call(part, any_lines)
        raise Malformed

    def number(self, part: Part) -> Node:
        raw = self.source[part.start_byte : part.end_byte]
        parsed = numbers.parse(raw.decode()) if _NUMBER.fullmatch(raw) else None
        if parsed is None:
            raise Malformed
        return Literal(number(parsed))

    def flat_steps(self, part: Part, any_lines: bool) -> Iterator[Part]:
        """A splat and the steps inside it as a row."""
        if not any_lines and part.start_point[0] != part.end_point[0] and part.type != "index":
            raise Malformed
        if part.type != "splat":
            yield part
            return
        inner = part.named_children[0]
        yield inner
        for each in inner.named_children:
            yield from self.flat_steps(each, any_lines)

    def steps(self, parts: list[Part]) -> tuple[Step, ...]:
        found: list[Step] = []
        for place, part in enumerate(parts):
            if part.type == "full_splat":
                # All that follows is done with each element.
                return (*found, Splat(self.steps(parts[place + 1 :])))
            if part.type == "attr_splat":
                end = place + 1
                while end < len(parts) and (parts[end].type == "get_attr" or _is_legacy(parts[end])):
                    end += 1
                return (*found, Splat(self.steps(parts[place + 1 : end])), *self.steps(parts[end:]))
            found.append(self.step(part, parts[place - 1] if place else None))
        return tuple(found)

    def step(self, part: Part, before: Part | None) -> Step:
        if part.type == "get_attr":
            return Attribute(self.text(part.named_children[0]))
        if not _is_legacy(part):
            return Index(self.expression(part.named_children[0].named_children[0], any_lines=True))
        # `a.0.1` is the number 0.1 for Terraform, which refuses it.
        if before is not None and _is_legacy(before) and before.end_byte == part.start_byte:
            raise Malformed
        parsed = numbers.parse(self.text(part).lstrip(". \t"))
        if parsed is None:
            raise Malformed
        return Index(Literal(number(parsed)))

    def object(self, part: Part) -> Node:
        items: list[tuple[Node, Node]] = []
        before: Part | None = None
        for each in part.children:
            if each.type == "object_elem":
                if before and before.type == "object_elem" and before.end_point[0] == each.start_point[0]:
                    raise Malformed
                items.append(self.element(each))
            elif each.type == "," and (not before or before.end_point[0] != each.start_point[0]):
                raise Malformed
            before = each if each.type in {"object_elem", ","} else before
        return ObjectOf(tuple(items))

    def element(self, part: Part) -> tuple[Node, Node]:
        key, sign, value = [each for each in part.children if each.type != "comment"]
        if key.end_point[0] != sign.start_point[0] or sign.end_point[0] != value.start_point[0]:
            raise Malformed
        found = self.expression(key, any_lines=False)
        if not self.source.startswith(b"(", key.start_byte):
            if isinstance(found, Name) or (isinstance(found, Literal) and found.value.type != NUMBER):
                found = Literal(string(self.text(key)))
            elif isinstance(found, Traversal) and isinstance(found.source, Name):
                found = Wrong()
        return found, self.expression(value, any_lines=False)

    def loop(self, part: Part) -> Node:
        intro = next(each for each in part.named_children if each.type == "for_intro")
        condition = next((each for each in part.named_children if each.type == "for_cond"), None)
        results = [self.expression(each, True) for each in _expressions(part)]
        key_name, value_name = self.names(intro)
        return For(
            key_name,
            value_name,
            self.expression(_expressions(intro)[0], True),
            results[0] if part.type == "for_object_expr" else None,
            results[-1],
            self.expression(_expressions(condition)[0], True) if condition else None,
            any(each.type == "ellipsis" for each in part.named_children),
        )

    def names(self, intro: Part) -> tuple[str, str]:
        """The names for keys (empty if there is none) and values."""
        names = [self.text(each) for each in intro.named_children if each.type == "identifier"]
        return names[0] if len(names) == 2 else "", names[-1]

    def call(self, part: Part, any_lines: bool) -> Node:
        name, opened = part.children[0], part.children[1]
        if not any_lines and name.end_point[0] != opened.start_point[0]:
            raise Malformed
        inner = [each for each in part.named_children if each.type == "function_arguments"]
        arguments = _expressions(inner[0]) if inner else []
        is_expanded = bool(inner) and any(each.type == "ellipsis" for each in inner[0].children)
        return Call(self.text(name), tuple(self.expression(each, True) for each in arguments), is_expanded)

    def heredoc(self, part: Part) -> Node:
        start = self.source.index(b"\n", part.start_byte) + 1
        end = self.source.rindex(b"\n", part.start_byte, part.end_byte) + 1
        kind = "flush" if self.source.startswith(b"<<-", part.start_byte) else "heredoc"
        return self.template(part, kind, start, end)

    def template(self, part: Part, kind: str, start: int, end: int) -> Node:
        """The template between two bytes; `kind` is `quoted`, `heredoc`, `flush` or `bare`."""
        tokens = TemplateTokens(kind)
        place = start
        for marker in self.markers(part):
            if self.source[marker.start_byte - 2 : marker.start_byte] in {b"$$", b"%%"}:
                # An escape for Terraform, which tree-sitter takes for an interpolation.
                continue
            tokens.text(self.source[place : marker.start_byte])
            strips = self.source[marker.start_byte + 2 : marker.start_byte + 3], self.source[marker.end_byte - 2 :][:1]
            tokens.marker(self.marker(marker), strips[0] == b"~", strips[1] == b"~")
            place = marker.end_byte
        tokens.text(self.source[place:end])
        return nest(tokens.finished())

    def marker(self, part: Part) -> Marker:
        inner = _expressions(part)
        expression = self.expression(inner[0], any_lines=True) if inner else None
        names = self.names(part) if part.type == "template_for_start" else ("", "")
        if part.type in {"template_interpolation", "template_if_intro", "template_for_start"} and expression is None:
            raise Malformed
        return Marker(part.type, expression, names)

    def markers(self, part: Part) -> Iterator[Part]:
        waiting = list(reversed(part.named_children))
        while waiting:
            each = waiting.pop()
            if each.type in _MARKERS:
                yield each
            elif each.type.startswith("template_"):
                waiting += reversed(each.named_children)


def _flat(part: Part) -> Iterator[Part]:
    """Operators, operands and steps in their order; what is in parentheses stays in one piece."""
    waiting = [(part, True)]
    while waiting:
        each, is_open = waiting.pop()
        if each.type not in _INLINE or not is_open:
            yield each
            continue
        children = [child for child in each.children if child.type != "comment"]
        enclosed = [before.type == "(" for before, _ in itertools.pairwise(children)]
        waiting += reversed([(child, not inside) for child, inside in zip(children, [False, *enclosed], strict=True)])


def _is_broken(before: Part, after: Part) -> bool:
    """Whether a line ends between two parts; inside parentheses it may."""
    return before.end_point[0] != after.start_point[0] and before.type != "(" and after.type != ")"


def _expressions(part: Part) -> list[Part]:
    return [each for each in part.named_children if each.type == "expression"]


def _is_legacy(part: Part) -> bool:
    return part.type == "index" and part.named_children[0].type == "legacy_index"
