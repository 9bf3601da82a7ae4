"""Functions that encode, decode and hash."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from urllib.parse import quote_plus

from butai.terraform.evaluation import csv_text, json_text, yaml_text
from butai.terraform.evaluation.signatures import Function, Parameter
from butai.terraform.evaluation.types import ANY, STRING, object_type
from butai.terraform.evaluation.values import NOT_KNOWN, Refused, Value, list_of, object_of, string, unknown

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_CODECS = {"UTF-8": "utf-8", "UTF-16LE": "utf-16-le", "UTF-16BE": "utf-16-be"}


def _base64encode(text: Value) -> Value:
    return string(base64.b64encode(text.raw.encode()).decode())


def _base64decode(text: Value) -> Value:
    return string(_bytes(text.raw, "utf-8"))


def _bytes(text: str, codec: str) -> str:
    plain = text.replace("\r", "").replace("\n", "")
    if not _BASE64.fullmatch(plain):
        raise Refused
    try:
        return base64.b64decode(plain).decode(codec)
    except (binascii.Error, UnicodeDecodeError):
        raise Refused from None


def _textencodebase64(text: Value, encoding: Value) -> Value:
    codec = _CODECS.get(encoding.raw)
    return string(base64.b64encode(text.raw.encode(codec)).decode()) if codec else NOT_KNOWN


def _textdecodebase64(text: Value, encoding: Value) -> Value:
    codec = _CODECS.get(encoding.raw)
    return string(_bytes(text.raw, codec)) if codec else NOT_KNOWN


def hexadecimal(algorithm: str) -> Callable[[bytes], str]:
    """A hash of bytes, as hexadecimal digits."""
    return lambda content: hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()


def in_base64(algorithm: str) -> Callable[[bytes], str]:
    """A hash of bytes, in Base64."""
    return lambda content: base64.b64encode(hashlib.new(algorithm, content).digest()).decode()


def _hash(work: Callable[[bytes], str]) -> Function:
    return Function(lambda text: string(work(text.raw.encode())), (Parameter(STRING),), result=STRING)


def _urlencode(text: Value) -> Value:
    return string(quote_plus(text.raw))


def _jsonencode(value: Value) -> Value:
    return string(json_text.encoded(value)) if value.is_known else unknown(STRING)


def _jsondecode(text: Value) -> Value:
    return json_text.decoded(text.raw)


def _yamlencode(value: Value) -> Value:
    return string(yaml_text.encoded(value)) if value.is_known else unknown(STRING)


def _yamldecode(text: Value) -> Value:
    return yaml_text.decoded(text.raw)


def _csvdecode(text: Value) -> Value:
    head, *rows = csv_text.records(text.raw) or [[]]
    if not head or len(set(head)) != len(head):
        raise Refused
    found = [object_of(dict(zip(head, map(string, row), strict=True))) for row in rows]
    return list_of(found, object_type(dict.fromkeys(head, STRING)))


_TEXT = Parameter(STRING)

FUNCTIONS = {
    "base64decode": Function(_base64decode, (_TEXT,), result=STRING),
    "base64encode": Function(_base64encode, (_TEXT,), result=STRING),
    "base64sha256": _hash(in_base64("sha256")),
    "base64sha512": _hash(in_base64("sha512")),
    "csvdecode": Function(_csvdecode, (_TEXT,)),
    "jsondecode": Function(_jsondecode, (_TEXT,)),
    "jsonencode": Function(_jsonencode, (Parameter(ANY, null=True, unknown=True, anything=True),), result=STRING),
    "md5": _hash(hexadecimal("md5")),
    "sha1": _hash(hexadecimal("sha1")),
    "sha256": _hash(hexadecimal("sha256")),
    "sha512": _hash(hexadecimal("sha512")),
    "textdecodebase64": Function(_textdecodebase64, (_TEXT, _TEXT), result=STRING),
    "textencodebase64": Function(_textencodebase64, (_TEXT, _TEXT), result=STRING),
    "urlencode": Function(_urlencode, (_TEXT,), result=STRING),
    "yamldecode": Function(_yamldecode, (_TEXT,)),
    "yamlencode": Function(_yamlencode, (Parameter(ANY, null=True, anything=True),), result=STRING),
}
