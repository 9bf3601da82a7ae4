"""The order in which Terraform goes over the elements of a set."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from butai.terraform.evaluation.number_text import general_text
from butai.terraform.evaluation.types import Kind

if TYPE_CHECKING:
    from butai.terraform.evaluation.values import Value


def place(value: Value) -> tuple[bool, Any]:
    """What a set is sorted by: values for primitives, an internal text for all others; null comes last."""
    if value.is_null:
        return True, 0
    return False, value.raw if value.type.is_primitive else _order_text(value).encode()


def _order_text(value: Value) -> str:
    if value.is_null:
        return "~"
    match value.type.kind:
        case Kind.NUMBER:
            return general_text(value.raw, 10)
        case Kind.BOOL:
            return "T" if value.raw else "F"
        case Kind.STRING:
            return _quoted(value.raw)
        case Kind.MAP:
            return "{" + "".join(f"{_quoted(k)}:{_order_text(value.raw[k])};" for k in sorted(value.raw)) + "}"
        case Kind.OBJECT:
            return "<" + "".join(f"{_order_text(value.raw[name])};" for name in sorted(value.raw)) + ">"
        case Kind.TUPLE:
            return "<" + "".join(f"{_order_text(each)};" for each in value.raw) + ">"
    return "[" + "".join(f"{_order_text(each)};" for each in value.raw) + "]"


_ESCAPES = {'"': '\\"', "\\": "\\\\", **dict(zip("\a\b\f\n\r\t\v", [f"\\{each}" for each in "abfnrtv"], strict=True))}


def _quoted(text: str) -> str:
    """As Go quotes a text."""
    return f'"{"".join(_ESCAPES.get(each) or _printable(each) for each in text)}"'


def _printable(character: str) -> str:
    if character == " " or unicodedata.category(character)[0] in "LMNPS":
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
