"""A parsed file as bytes and back, for keeping. The bytes hold plain data only: reading them runs nothing. Pure."""

from __future__ import annotations

from typing import Any

import msgpack

from butai.terraform.hcl_blocks import Block, Comment, Expression, Parsed, Reference
from butai.terraform.hcl_literals import UNKNOWN


def pack(parsed: Parsed, *, is_json: bool) -> bytes | None:
    """None for what is better read again: a file with a problem, and one whose numbers or texts are of no usual size or kind."""
    if parsed.problem is not None:
        return None
    try:
        packed: bytes = msgpack.packb(_block(parsed.body, is_json))
    except (ValueError, OverflowError):
        return None
    return packed


def unpack(packed: bytes) -> Parsed:
    """What was packed. Raises ValueError, TypeError or a `msgpack` error for other bytes."""
    return Parsed(_unpacked(msgpack.unpackb(packed, use_list=False, strict_map_key=False)))


def _block(block: Block, is_json: bool) -> tuple[Any, ...]:
    return (
        block.type,
        block.labels,
        block.line,
        {name: _expression(each, is_json) for name, each in block.attributes.items()},
        [_block(each, is_json) for each in block.blocks],
        block.comments,
        (block.end_line, block.column, block.end_column, block.start, block.end),
    )


def _expression(expression: Expression, is_json: bool) -> tuple[Any, ...]:
    place = (expression.text, expression.line, expression.references, expression.start, expression.end)
    if not is_json:
        # Its value is read out of its text when it is asked for.
        return place
    return (*place, None if expression.value is UNKNOWN else (expression.value,))


def _unpacked(packed: Any) -> Block:
    kind, labels, line, attributes, blocks, comments, places = packed
    return Block(
        kind,
        labels,
        line,
        {name: _unpacked_expression(*each) for name, each in attributes.items()},
        tuple([_unpacked(each) for each in blocks]),
        tuple([Comment(*each) for each in comments]),
        *places,
    )


def _unpacked_expression(text: str, line: int, references: Any, start: int, end: int, *value: Any) -> Expression:
    found = tuple([Reference(*each) for each in references]) if references else ()
    if not value:
        return Expression(text, line, found, start, end)
    return Expression(text, line, found, start, end, UNKNOWN if value[0] is None else _plain(value[0][0]))


def _plain(value: Any) -> Any:
    """Lists come back as tuples."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
