"""Go's own parser of HCL as a judge: the same blocks, attributes and literal values as ours, or what differs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pygohcl

from butai.terraform.hcl_blocks import Block, Expression
from butai.terraform.hcl_literals import UNKNOWN

Body = dict[str, Any]


def accepts(source: bytes) -> bool:
    """Whether Go reads this file."""
    return read(source) is not None


def read(source: bytes) -> Body | None:
    """What Go reads: attributes' values, blocks by type and labels, a list where several are alike. None: it refuses."""
    try:
        return dict(pygohcl.loadb(source, keep_interpolations=True))
    except pygohcl.HCLParseError:
        return None


def shape(block: Block) -> Body:
    """Ours as Go's library gives it, with expressions in place of values."""
    found: Body = dict(block.attributes)
    for inner in block.blocks:
        at: Body = found
        for name in (inner.type, *inner.labels)[:-1]:
            at = at.setdefault(name, {})
        last = (inner.type, *inner.labels)[-1]
        at[last] = [*at[last], shape(inner)] if last in at else [shape(inner)]
    return found


def differences(ours: Body, theirs: Body, where: str = "") -> Iterator[str]:
    """Names of attributes, blocks and labels that only one side has, and literals of another value."""
    if ours.keys() != theirs.keys():
        yield f"{where}: only ours {sorted(ours.keys() - theirs.keys())}, only Go's {sorted(theirs.keys() - ours.keys())}"
    for name in ours.keys() & theirs.keys():
        mine, other, place = ours[name], theirs[name], f"{where}.{name}"
        if isinstance(mine, Expression):
            if mine.value is not UNKNOWN and not _same(mine.value, other):
                yield f"{place}: {mine.value!r}, Go says {other!r}"
        elif isinstance(mine, list):
            several = other if isinstance(other, list) else [other]
            if len(several) != len(mine):
                yield f"{place}: {len(mine)} blocks, Go says {len(several)}"
            for one, another in zip(mine, several, strict=False):
                yield from differences(one, another, place)
        else:
            yield from differences(mine, other, place)


def _same(mine: Any, other: Any) -> bool:
    match mine:
        case list():
            return isinstance(other, list) and len(mine) == len(other) and all(map(_same, mine, other))
        case dict():
            return (
                isinstance(other, dict) and mine.keys() == other.keys() and all(_same(mine[k], other[k]) for k in mine)
            )
        case bool() | None:
            return mine is other
        case int() | float():
            return isinstance(other, int | float) and math.isclose(mine, other)
    return bool(mine is UNKNOWN or mine == other)
