"""What an expression is made of, once it is parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from butai.terraform.evaluation.values import Value


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a bool, null, or text between interpolations."""

    value: Value


@dataclass(frozen=True, slots=True)
class Template:
    """A quoted string or a heredoc. With `is_wrapper` it is one interpolation alone, whose value it passes on."""

    parts: tuple[Node, ...]
    is_wrapper: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """`%{ for }` in a template: the texts of a `for` expression's results, one after the other."""

    loop: For


@dataclass(frozen=True, slots=True)
class Name:
    """The first word of a reference."""

    name: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """`.name`"""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """`[key]`, or `.0` as it was once written."""

    key: Node


@dataclass(frozen=True, slots=True)
class Splat:
    """`[*]` or `.*`, with the steps that are taken from each element."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Traversal:
    """Steps from a value on."""

    source: Node
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class TupleOf:
    """`[a, b]`"""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """`{ a = b }`; a bare name as a key is a literal here."""

    items: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class For:
    """`[for k, v in all : value if condition]`; with a `key` it makes an object, `grouped` one of tuples."""

    key_name: str
    value_name: str
    collection: Node
    key: Node | None
    value: Node
    condition: Node | None
    is_grouped: bool = False


@dataclass(frozen=True, slots=True)
class Conditional:
    """`condition ? when_true : when_false`"""

    condition: Node
    when_true: Node
    when_false: Node


@dataclass(frozen=True, slots=True)
class Unary:
    """`-operand` or `!operand`"""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`"""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function's call; with `is_expanded` (`...`) the last argument stands for several."""

    name: str
    arguments: tuple[Node, ...]
    is_expanded: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    """What parses and is always refused, such as `{ a.b = 1 }`."""


Node: TypeAlias = (
    Literal
    | Template
    | Joined
    | Name
    | Traversal
    | TupleOf
    | ObjectOf
    | For
    | Conditional
    | Unary
    | Binary
    | Call
    | Wrong
)
Step: TypeAlias = Attribute | Index | Splat
