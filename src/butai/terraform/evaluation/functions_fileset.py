"""`fileset`: the repository's files whose paths match a pattern."""

from __future__ import annotations

import posixpath
import re
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from butai.terraform.evaluation.limits import BeyondLimits
from butai.terraform.evaluation.scope import NotTold
from butai.terraform.evaluation.signatures import Function, Parameter
from butai.terraform.evaluation.types import STRING, set_type
from butai.terraform.evaluation.values import Value, set_of, string, unknown

if TYPE_CHECKING:
    from butai.terraform.evaluation.expressions import Evaluator

_MEANS_MORE: Final = re.compile(r"[*?\[{\\]")
_PIECE: Final = re.compile(r"\*\*/|\*+|\?|\{([^{}\[\\/]*)\}|[^*?\[{\\]")


def _fileset(evaluator: Evaluator, path: Value, pattern: Value) -> Value:
    scope = evaluator.scope
    # As Terraform does it: the pattern may lead out of the folder again.
    below = posixpath.normpath(f"{path.raw or '.'}/{pattern.raw}")
    base, whole = scope.in_repository(path.raw), scope.in_repository(below)
    if scope.files is None or base is None or whole is None:
        return unknown(set_type(STRING))
    if _MEANS_MORE.search(base):
        raise BeyondLimits
    matching = re.compile(_expression(whole), re.DOTALL)
    fixed = [*takewhile(lambda part: not _MEANS_MORE.search(part), whole.split("/")[:-1])]
    try:
        found = [each for each in scope.files("/".join(fixed) or ".") if matching.fullmatch(each)]
    except NotTold:
        return unknown(set_type(STRING))
    return set_of([string(posixpath.relpath(each, base)) for each in found], STRING)


def _expression(pattern: str) -> str:
    """A pattern as a regular expression. Raises BeyondLimits for what teams do not write, such as `[a-z]` or `a**`."""
    found, at = "", 0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if piece is None:
            raise BeyondLimits
        found += _one(piece, starts=at == 0 or pattern[at - 1] == "/", ends=piece.end() == len(pattern))
        at = piece.end()
    return found


def _one(piece: re.Match[str], *, starts: bool, ends: bool) -> str:
    written = piece[0]
    if written.startswith("**"):
        # Folders, none too, if it stands alone between slashes.
        if not starts or written not in {"**/", "**"} or (written == "**" and not ends):
            raise BeyondLimits
        return ".*" if ends else "(?:.*/)?"
    if piece[1] is not None:
        if "**" in written:
            raise BeyondLimits
        return f"(?:{'|'.join(_expression(each) for each in piece[1].split(','))})"
    return {"*": "[^/]*", "?": "[^/]"}.get(written) or re.escape(written)


FUNCTIONS = {"fileset": Function(_fileset, (Parameter(STRING), Parameter(STRING)), result=set_type(STRING), looks=True)}
