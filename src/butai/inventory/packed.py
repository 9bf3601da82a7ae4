"""A parsed file as bytes and back, for keeping. The bytes hold plain data only: reading them runs nothing. Pure."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

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


# In the order of their definition, whatever it holds one day. An expression's value comes last.
_OF_BLOCK: Final = attrgetter(*(each.name for each in fields(Block)[6:]))
_OF_EXPRESSION: Final = attrgetter(*(each.name for each in fields(Expression)[:-1]))
_LENGTH: Final = len(fields(Expression)) - 1


def _block(block: Block, is_json: bool) -> tuple[Any, ...]:
    attributes = {name: _expression(each, is_json) for name, each in block.attributes.items()}
    inner = [_block(each, is_json) for each in block.blocks]
    return (block.type, block.labels, block.line, attributes, inner, block.comments, *_OF_BLOCK(block))


def _expression(expression: Expression, is_json: bool) -> tuple[Any, ...]:
    said: tuple[Any, ...] = _OF_EXPRESSION(expression)
    if not is_json:
        # Its value is read out of its text when it is asked for.
        return said
    return (*said, None if expression.value is UNKNOWN else (expression.value,))


def _unpacked(packed: Any) -> Block:
    kind, labels, line, attributes, blocks, comments, *places = packed
    return Block(
        kind,
        labels,
        line,
        # Most refer to nothing.
        {
            name: Expression(*each) if len(each) == _LENGTH and not each[2] else _unpacked_expression(each)
            for name, each in attributes.items()
        },
        tuple([_unpacked(each) for each in blocks]),
        tuple([Comment(*each) for each in comments]),
        *places,
    )


def _unpacked_expression(packed: Any) -> Expression:
    text, line, references, *places = packed[:_LENGTH]
    expression = Expression(text, line, tuple([Reference(*each) for each in references]), *places)
    for value in packed[_LENGTH:]:
        expression._value = UNKNOWN if value is None else _plain(value[0])
    return expression


def _plain(value: Any) -> Any:
    """Lists come back as tuples."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
