"""What is written in a file of HCL: blocks, attributes, expressions, references and comments, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from butai.terraform.hcl_literals import UNKNOWN, literal

_UNREAD: Final = object()
_NOTHING: Final[Mapping[str, Any]] = {}


class Reference(NamedTuple):
    """A dotted path such as `var.environment` or `aws_lb.main.arn`. Indexes are left out, and it ends at a splat.

    `fixed`: how many of its names stand before the first index that has to be evaluated; 0 where there is no such index.
    """

    path: str
    line: int
    fixed: int = 0

    def starts_with(self, *names: str) -> bool:
        """Whether the path begins with these names."""
        return tuple(self.path.split(".")[: len(names)]) == names


class Comment(NamedTuple):
    """A comment as it is written, with its marks; lines count from 1. `behind`: whether something stands before it."""

    text: str
    line: int
    end_line: int
    behind: bool = False


@dataclass(slots=True, unsafe_hash=True)
class Expression:
    """The right side of an attribute: its text, what it refers to, and where it is.

    `column` is that of the attribute's name, the end is behind the expression's last character. `start` and `end` are places
    in the file's bytes, those of the expression; both are 0 in JSON.
    """

    text: str
    line: int
    references: tuple[Reference, ...] = ()
    start: int = 0
    end: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    _value: Any = field(default=_UNREAD, repr=False, compare=False)

    @property
    def value(self) -> Any:
        """Its value where it is a literal, else UNKNOWN. Read when it is first asked for: few are."""
        if self._value is _UNREAD:
            self._value = literal(self.text)
        return self._value

    def variables(self) -> list[str]:
        """Names of the input variables it refers to directly, in order, each once."""
        return list(dict.fromkeys(each.path.split(".")[1] for each in self.references if each.starts_with("var")))


@dataclass(slots=True)
class Block:
    """A block: its type, labels, attributes and inner blocks. The whole file is a block with an empty type.

    `line` and `end_line` count from 1, `column` and `end_column` (behind the last character) in characters from 1;
    `start` and `end` are places in the file's bytes, and 0 in JSON.
    """

    type: str
    labels: tuple[str, ...]
    line: int
    attributes: Mapping[str, Expression] = field(default_factory=lambda: _NOTHING)
    blocks: tuple[Block, ...] = ()
    comments: tuple[Comment, ...] = ()
    end_line: int = 0
    column: int = 0
    end_column: int = 0
    start: int = 0
    end: int = 0

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
