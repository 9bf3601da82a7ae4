"""Patterns of paths in a repository, as `butai.yaml` gives them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PARTS = {"**": ".*", "*": "[^/]*", "?": "[^/]"}


def names_by(pattern: str, paths: Iterable[str]) -> list[str]:
    """The paths that fit, sorted, without what all of them begin with: the folders before the pattern's first wildcard.

    `*` and `?` stand for text within one name, `**` for any folders too.
    """
    pieces = re.split(r"(\*\*|\*|\?)", pattern)
    fits = re.compile("".join(_PARTS.get(each, re.escape(each)) for each in pieces), re.DOTALL)
    folders = pieces[0].rfind("/") + 1
    return sorted(each[folders:] for each in paths if fits.fullmatch(each))
