"""What an expression refers to, without evaluating it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from butai.terraform.evaluation.syntax import Attribute, Call, For, Name, Node, Traversal, Wrong

# The first word, and the attribute after it (empty if there is none).
Reference = tuple[str, str]


def references(node: Node) -> Iterator[Reference]:
    """All references but those to names that a `for` binds around them."""
    waiting: list[tuple[object, frozenset[str]]] = [(node, frozenset())]
    while waiting:
        each, bound = waiting.pop()
        if isinstance(each, Name) and each.name not in bound:
            yield each.name, ""
        elif isinstance(each, Traversal) and isinstance(each.source, Name):
            first = each.steps[0]
            if each.source.name not in bound:
                yield each.source.name, first.name if isinstance(first, Attribute) else ""
            waiting += ((step, bound) for step in each.steps)
        elif isinstance(each, For):
            waiting.append((each.collection, bound))
            inner = bound | {each.key_name, each.value_name}
            waiting += ((part, inner) for part in (each.key, each.value, each.condition) if part)
        elif not isinstance(each, Name):
            waiting += ((part, bound) for part in _parts(each))


def walk(node: Node) -> Iterator[object]:
    """All parts of an expression, itself included."""
    waiting: list[object] = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += _parts(each)


def is_constant(node: Node) -> bool:
    """Whether it refers to nothing and calls nothing, as Terraform demands of defaults and of variable files."""
    return not any(isinstance(each, Call | Name | Wrong) for each in walk(node))


def _parts(node: object) -> Iterator[object]:
    if isinstance(node, tuple):
        yield from node
    elif type(node).__module__ == _SYNTAX:
        for each in fields(node):  # type: ignore[arg-type]
            yield getattr(node, each.name)


_SYNTAX = Name.__module__
