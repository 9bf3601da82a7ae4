"""Functions of files in the repository, and of their paths."""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from butai.terraform.evaluation.conversion import convert
from butai.terraform.evaluation.functions_encoding import hexadecimal, in_base64
from butai.terraform.evaluation.parsing import parse_template
from butai.terraform.evaluation.references import references
from butai.terraform.evaluation.scope import NotTold
from butai.terraform.evaluation.signatures import Function, Parameter
from butai.terraform.evaluation.syntax import Node
from butai.terraform.evaluation.types import BOOL, STRING
from butai.terraform.evaluation.values import NOT_KNOWN, Refused, Value, boolean, string, unknown

if TYPE_CHECKING:
    from butai.terraform.evaluation.expressions import Evaluator

# Characters of a template that is worth keeping parsed.
_LONGEST_KEPT = 200_000
_IDENTIFIER = re.compile(r"[^\W\d][\w-]*")


def _read(evaluator: Evaluator, path: str) -> bytes | None:
    """A file's content; none for one that is not there. Raises NotTold, for one outside of the repository too."""
    place = evaluator.scope.in_repository(path)
    if place is None or evaluator.scope.read is None:
        raise NotTold
    return evaluator.scope.read(place)


def _content(evaluator: Evaluator, path: str) -> bytes:
    """The same of one that must be there: raises Refused where it is not."""
    found = _read(evaluator, path)
    if found is None:
        raise Refused
    return found


def _of_content(work: Callable[[bytes], str]) -> Function:
    def worked(evaluator: Evaluator, path: Value) -> Value:
        try:
            return string(work(_content(evaluator, path.raw)))
        except NotTold:
            return unknown(STRING)

    return Function(worked, (Parameter(STRING),), result=STRING, looks=True)


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Refused from None


def _fileexists(evaluator: Evaluator, path: Value) -> Value:
    try:
        return boolean(_read(evaluator, path.raw) is not None)
    except NotTold:
        return unknown(BOOL)


def _templatefile(evaluator: Evaluator, path: Value, names: Value) -> Value:
    if path.is_unknown or names.is_unknown:
        return NOT_KNOWN
    if evaluator.is_template:
        raise Refused
    try:
        return _rendered(evaluator, _text(_content(evaluator, path.raw)), names)
    except NotTold:
        return NOT_KNOWN


def _templatestring(evaluator: Evaluator, template: Value, names: Value) -> Value:
    if evaluator.is_template:
        raise Refused
    return convert(_rendered(evaluator, template.raw, names), STRING)


def _parsed(template: str) -> tuple[Node | None, frozenset[str]]:
    """A template, and the names that it needs."""
    parsed = parse_template(template)
    return parsed, frozenset(name for name, _ in references(parsed)) if parsed else frozenset()


# One is often rendered again for each element of a list.
_parsed_cached = lru_cache(maxsize=16)(_parsed)


def _rendered(evaluator: Evaluator, template: str, names: Value) -> Value:
    parsed, needed = (_parsed_cached if len(template) < _LONGEST_KEPT else _parsed)(template)
    if not names.type.is_mapping or not all(map(_IDENTIFIER.fullmatch, names.raw)):
        raise Refused
    if parsed is None:
        return NOT_KNOWN
    if not needed <= names.raw.keys():
        raise Refused
    found = evaluator.rendered(parsed, names.raw)
    if found.is_null:
        raise Refused
    return found


def _basename(path: Value) -> Value:
    stripped = path.raw.rstrip("/")
    return string(stripped.rpartition("/")[2] or ("/" if path.raw else "."))


def _dirname(path: Value) -> Value:
    before, sign, _ = path.raw.rpartition("/")
    found = posixpath.normpath(before + sign)
    return string("/" + found.lstrip("/") if found.startswith("/") else found)


def _pathexpand(path: Value) -> Value:
    # Whose home is meant is not known here.
    return unknown(STRING) if path.raw.startswith("~") else path


_TEXT = Parameter(STRING)

FUNCTIONS = {
    "basename": Function(_basename, (_TEXT,), result=STRING),
    "dirname": Function(_dirname, (_TEXT,), result=STRING),
    "file": _of_content(_text),
    "filebase64": _of_content(lambda content: base64.b64encode(content).decode()),
    "filebase64sha256": _of_content(in_base64("sha256")),
    "filebase64sha512": _of_content(in_base64("sha512")),
    "fileexists": Function(_fileexists, (_TEXT,), result=BOOL, looks=True),
    "filemd5": _of_content(hexadecimal("md5")),
    "filesha1": _of_content(hexadecimal("sha1")),
    "filesha256": _of_content(hexadecimal("sha256")),
    "filesha512": _of_content(hexadecimal("sha512")),
    "pathexpand": Function(_pathexpand, (_TEXT,), result=STRING),
    "templatefile": Function(_templatefile, (Parameter(STRING, unknown=True), Parameter(unknown=True)), looks=True),
    "templatestring": Function(_templatestring, (_TEXT, Parameter()), looks=True),
}
