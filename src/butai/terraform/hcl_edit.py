"""One attribute of a file changed in place: every other byte stays as it was. Pure.

After each edit the file is read again and compared; what would not be the same elsewhere is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from butai.errors import RefusedError
from butai.terraform.hcl_blocks import Block, Expression
from butai.terraform.hcl_syntax import parse_hcl
from butai.text import text

_IDENTIFIER = re.compile(r"[^\W\d][\w-]*")
_NAME_BEFORE = re.compile(rb"[^\s={}\"]+[ \t]*=[ \t]*\Z")
_CLOSING_WORD = re.compile(r"<<-?([^\W\d][\w-]*)[^\n]*\n.*^[ \t]*\1\Z", re.DOTALL | re.MULTILINE)


class EditError(RefusedError):
    """This edit cannot be made without changing something else, or there is nothing to edit."""

    code = "hcl-edit"


_Change = tuple[Expression | None, Block | None]
"""What an attribute was, and what it is to be, alone in a file."""


class _Edit(NamedTuple):
    """`removed` bytes at a place, and what comes there."""

    at: int
    removed: int
    added: bytes


def set_attribute(source: bytes, where: Block | Sequence[str], name: str, expression: str) -> bytes:
    """The file with `name = expression` in one block, at its end where it is new.

    `where`: a block of `source` as it was parsed, or the words of the way to it, such as `("resource", "aws_lb", "main",
    "access_logs")`; no words are the file itself. `expression`: its source text. Raises EditError.
    """
    body = _read(source)
    new = _alone(name, expression)
    block = _find(body, where)
    old = block.attributes.get(name)
    if old is None:
        edits = _at_the_end(source, block, f"{name} = {expression}".encode())
    else:
        _no_heredoc_before_something(source, old, expression)
        edits = [_Edit(old.start, old.end - old.start, expression.encode())]
    return _checked(source, body, edits, block, name, (old, new))


def remove_attribute(source: bytes, where: Block | Sequence[str], name: str) -> bytes:
    """The file without one attribute; its line goes where nothing else is on it. `where` as above. Raises EditError."""
    body = _read(source)
    block = _find(body, where)
    old = block.attributes.get(name)
    if old is None:
        raise EditError(text("There is no `{name}` to remove.", name=name))
    before = _NAME_BEFORE.search(source, 0, old.start)
    if before is None:
        raise EditError(text("Where `{name}` begins cannot be told.", name=name))
    start, end = before.start(), old.end
    line_start = source.rfind(b"\n", 0, start) + 1
    line_end = source.find(b"\n", end) + 1 or len(source)
    if not source[line_start:start].strip() and not source[end:line_end].strip():
        start, end = line_start, line_end
    return _checked(source, body, [_Edit(start, end - start, b"")], block, name, (old, None))


def _read(source: bytes) -> Block:
    parsed = parse_hcl(source, "")
    if parsed.problem:
        raise EditError(
            text("A broken file is not edited."),
            why=text("Line {line}: {problem}", line=parsed.problem.line, problem=parsed.problem.what),
            next=text("Correct the file first."),
        )
    return parsed.body


def _alone(name: str, expression: str) -> Block:
    """The attribute as the only one of a file. Refuses what would be more than one expression."""
    if not _IDENTIFIER.fullmatch(name):
        raise EditError(text("`{name}` is no name of an attribute.", name=name))
    parsed = parse_hcl(f"{name} = {expression}\n".encode(), "")
    found = parsed.body.attributes.get(name)
    if parsed.problem or found is None or found.text != expression or len(parsed.body.attributes) > 1:
        raise EditError(text("`{expression}` is not one expression of HCL.", expression=expression))
    return parsed.body


def _find(body: Block, where: Block | Sequence[str]) -> Block:
    if isinstance(where, Block):
        same = [
            each for each in _blocks(body) if (each.start, each.end, each.type) == (where.start, where.end, where.type)
        ]
        found = [body] if not where.type else same
    else:
        found = _below(body, tuple(where))
    if len(found) == 1:
        return found[0]
    shown = " ".join((where.type, *where.labels) if isinstance(where, Block) else where)
    if found:
        raise EditError(text("There are {count} blocks `{block}`.", count=len(found), block=shown))
    raise EditError(text("There is no block `{block}` in this file.", block=shown))


def _blocks(block: Block) -> Iterator[Block]:
    for each in block.blocks:
        yield each
        yield from _blocks(each)


def _below(block: Block, words: tuple[str, ...]) -> list[Block]:
    if not words:
        return [block]
    heads = [(each, (each.type, *each.labels)) for each in block.blocks]
    return [found for each, head in heads if words[: len(head)] == head for found in _below(each, words[len(head) :])]


def _no_heredoc_before_something(source: bytes, old: Expression, expression: str) -> None:
    """Its closing word ends it only where nothing else is on the line."""
    rest = source[old.end : (source.find(b"\n", old.end) + 1) or len(source)]
    if rest.strip() and _CLOSING_WORD.search(expression):
        raise EditError(
            text("A heredoc cannot stand here: something follows on its last line."),
            next=text("Put the value in quotation marks."),
        )


def _at_the_end(source: bytes, block: Block, line: bytes) -> list[_Edit]:
    newline = b"\r\n" if b"\r\n" in source else b"\n"
    if not block.type:
        ends_its_line = not source.strip() or source.endswith(b"\n")
        return [_Edit(len(source), 0, (b"" if ends_its_line else newline) + line + newline)]
    outer, inner = _indents(source, block)
    closing = block.end - 1
    line_start = source.rfind(b"\n", 0, closing) + 1
    if line_start > block.start and not source[line_start:closing].strip():
        return [_Edit(line_start, 0, inner + line + newline)]
    if line_start > block.start:
        return [_Edit(closing, 0, newline + inner + line + newline + outer)]
    return [*_unfolded(source, block, newline + inner), _Edit(closing, 0, newline + inner + line + newline + outer)]


def _unfolded(source: bytes, block: Block, start: bytes) -> list[_Edit]:
    """A block on one line holds one attribute at most: what is in it goes to a line of its own."""
    if not block.attributes and not block.blocks:
        return []
    first = min(_starts(block))
    opening = source.rfind(b"{", block.start, first) + 1
    blanks = len(source[opening:first]) - len(source[opening:first].lstrip())
    return [_Edit(opening, 0, start[: max(len(start) - blanks, start.rfind(b"\n") + 1)])]


def _indents(source: bytes, block: Block) -> tuple[bytes, bytes]:
    """What stands before the block's own lines, and before those in it."""
    outer = _blanks_before(source, block.start)
    below = [at for at in _starts(block) if b"\n" in source[block.start : at]]
    return outer, _blanks_before(source, below[0]) if below else outer + b"  "


def _starts(block: Block) -> list[int]:
    return [*(each.start for each in block.attributes.values()), *(each.start for each in block.blocks)]


def _blanks_before(source: bytes, at: int) -> bytes:
    line = source[source.rfind(b"\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _checked(source: bytes, body: Block, edits: list[_Edit], block: Block, name: str, change: _Change) -> bytes:
    """Make the edits, read the file again, and compare blocks, attributes, places and comments."""
    made = source
    for edit in reversed(edits):
        made = made[: edit.at] + edit.added + made[edit.at + edit.removed :]
    parsed = parse_hcl(made, "")
    before = _Outline(body, (block.type, block.start), name, edits)
    # The file itself begins where it did.
    after = _Outline(parsed.body, (block.type, before.start(block.start) if block.type else 0), name)
    old, new = change
    expected = _comments(body) - (_comments(_around(old)) if old else Counter())
    is_same = (
        parsed.problem is None
        and sorted(before.others()) == sorted(after.others())
        and after.changed == ([new.attributes[name].text] if new else [])
        and _comments(parsed.body) == expected + (_comments(new) if new else Counter())
    )
    if not is_same:
        raise EditError(text("This edit would change more of the file than `{name}`.", name=name))
    return made


class _Outline:
    """Every block and attribute of a file with its place, but for the attribute `name` of the block at `target`.

    `edits`: places are given as they will be after these.
    """

    def __init__(self, body: Block, target: tuple[str, int], name: str, edits: Sequence[_Edit] = ()) -> None:
        self.body, self.target, self.name, self.edits = body, target, name, edits
        self.changed: list[str] = []

    def others(self, block: Block | None = None) -> Iterator[tuple[str, tuple[str, ...], int, int]]:
        """Kind and name, labels, start and end; what `name` is there is in `changed` afterwards."""
        block = block or self.body
        for name, each in block.attributes.items():
            if name == self.name and (block.type, block.start) == self.target:
                self.changed.append(each.text)
            else:
                yield f"{name} =", (), self.start(each.start), self.end(each.end)
        for inner in block.blocks:
            yield inner.type, inner.labels, self.start(inner.start), self.end(inner.end)
            yield from self.others(inner)

    def start(self, at: int) -> int:
        """A beginning: what is added right there comes before it."""
        return at + sum(len(each.added) - each.removed for each in self.edits if each.at < at + (not each.removed))

    def end(self, at: int) -> int:
        """An end: what is added right there comes after it."""
        return at + sum(len(each.added) - each.removed for each in self.edits if each.at < at)


def _around(expression: Expression) -> Block:
    return parse_hcl(b"x = " + expression.text.encode() + b"\n", "").body


def _comments(block: Block) -> Counter[str]:
    return sum((_comments(each) for each in block.blocks), Counter(each.text for each in block.comments))
