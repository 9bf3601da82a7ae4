"""Templates: literal text with its escapes, strip marks and indentation, and what interrupts it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from butai.terraform.evaluation.syntax import Conditional, For, Joined, Literal, Node, Template
from butai.terraform.evaluation.values import string
from butai.terraform.hcl_literals import unescape

# What Go takes for white space.
SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
# A strip mark takes the white space of the piece beside it: a line of a heredoc, or what is between two `$` or `%`.
_QUOTED_PIECES = re.compile(r"\$\$\{~?|%%\{~?|[$%]|(?:\\.|[^$%\\])+", re.DOTALL)
_LINE_PIECES = re.compile(r"\$\$\{~?|%%\{~?|[$%]|[^$%\n]*\n|[^$%\n]+")
_QUOTED = re.compile(
    r'(?:[^"\\\n\r]|\\(?:[nrt"\\]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}'
    r"|U(?!0000[dD][89a-fA-F])00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}))*"
)


class Malformed(Exception):  # noqa: N818 it says what is so, not what went wrong
    """Terraform does not accept such a text."""


@dataclass(frozen=True, slots=True)
class Marker:
    """An interpolation or a directive; `kind` is tree-sitter's name of it, `names` those that a loop binds."""

    kind: str
    expression: Node | None
    names: tuple[str, str] = ("", "")


class TemplateTokens:
    """The row of texts and markers that a template is, stripped and outdented."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.tokens: list[str | Marker] = []
        self.strip_next = False

    def text(self, source: bytes) -> None:
        """The text up to the next marker, or to the end. Raises Malformed."""
        text = source.decode(errors="replace")
        is_quoted = self.kind == "quoted"
        if "\r" in text.replace("\r\n", "") or (is_quoted and not _QUOTED.fullmatch(text)):
            raise Malformed
        pieces = [unescape(each) if is_quoted else _unescape_template(each) for each in self._pieces(text)]
        if pieces and self.strip_next:
            pieces[0] = pieces[0].lstrip(SPACES)
        self.strip_next = False
        self.tokens += pieces

    def marker(self, marker: Marker, strips_before: bool, strips_after: bool) -> None:
        """An interpolation or directive, with its strip marks."""
        if strips_before and self.tokens and isinstance(before := self.tokens[-1], str):
            self.tokens[-1] = before.rstrip(SPACES)
        self.tokens.append(marker)
        self.strip_next = strips_after

    def finished(self) -> list[str | Marker]:
        """All of them, with texts that touch put together."""
        if self.kind == "flush":
            self._outdent()
        found: list[str | Marker] = []
        for each in self.tokens:
            if isinstance(each, str) and found and isinstance(before := found[-1], str):
                found[-1] = before + each
            else:
                found.append(each)
        return found

    def _pieces(self, text: str) -> list[str]:
        return (_QUOTED_PIECES if self.kind == "quoted" else _LINE_PIECES).findall(text)

    def _outdent(self) -> None:
        """`<<-`: take away the white space that all lines begin with, but for blank ones."""
        begins, is_start = [], True
        for place, each in enumerate(self.tokens):
            if is_start:
                is_blank = isinstance(each, str) and each.endswith("\n") and not each.strip(SPACES)
                begins += [] if is_blank else [place]
                is_start = False
            is_start = is_start or (isinstance(each, str) and each.endswith("\n"))
        least = min((self._indentation(place) for place in begins), default=0)
        for place in begins:
            if isinstance(each := self.tokens[place], str):
                self.tokens[place] = each[least:]

    def _indentation(self, place: int) -> int:
        text = self.tokens[place]
        return len(text) - len(text.lstrip(SPACES)) if isinstance(text, str) else 0


def nest(tokens: list[str | Marker]) -> Node:
    """The template that a row of texts and markers is. Raises Malformed for directives that do not match."""
    first = tokens[0] if len(tokens) == 1 else None
    if isinstance(first, Marker) and first.kind == "template_interpolation" and first.expression:
        return Template((first.expression,), is_wrapper=True)
    reader = _Nesting(tokens)
    found = reader.until(())
    return Template(found or (Literal(string("")),))


class _Nesting:
    """Puts directives around what they enclose."""

    def __init__(self, tokens: list[str | Marker]) -> None:
        self.tokens = tokens
        self.place = 0

    def until(self, ends: tuple[str, ...]) -> tuple[Node, ...]:
        found: list[Node] = []
        while self.place < len(self.tokens):
            each = self.tokens[self.place]
            if isinstance(each, Marker) and each.kind in ends:
                return tuple(found)
            self.place += 1
            found.append(Literal(string(each)) if isinstance(each, str) else self._enclosed(each))
        if ends:
            raise Malformed
        return tuple(found)

    def _enclosed(self, marker: Marker) -> Node:
        if marker.expression is None:
            raise Malformed
        if marker.kind == "template_if_intro":
            return self._choice(marker.expression)
        if marker.kind == "template_for_start":
            content = self.until(("template_for_end",))
            self.place += 1
            key_name, value_name = marker.names
            return Joined(For(key_name, value_name, marker.expression, None, _text(content), None))
        return marker.expression

    def _choice(self, condition: Node) -> Node:
        when_true = self.until(("template_else_intro", "template_if_end"))
        marker = self.tokens[self.place]
        when_false: tuple[Node, ...] = ()
        self.place += 1
        if isinstance(marker, Marker) and marker.kind == "template_else_intro":
            when_false = self.until(("template_if_end",))
            self.place += 1
        return Conditional(condition, _text(when_true), _text(when_false))


def _text(parts: tuple[Node, ...]) -> Template:
    return Template(parts or (Literal(string("")),))


def _unescape_template(text: str) -> str:
    return text[1:] if text.startswith(("$${", "%%{")) else text
