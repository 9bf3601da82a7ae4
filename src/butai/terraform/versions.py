"""Versions of engines and providers, and constraints on them, compared as numbers."""

from __future__ import annotations

import re

VersionKey = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]

_VERSION = re.compile(r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]+))?(?:\+.*)?")
_CONSTRAINT = re.compile(r"(=|!=|>=|<=|>|<|~>)?\s*(v?\d.*)")


def version_key(version: str) -> VersionKey:
    """A sort key by the rules of semantic versions: 1.10 is newer than 1.9, and 1.12.0 than 1.12.0-rc1.

    Raises ValueError for what is not a version.
    """
    match = _VERSION.fullmatch(version.strip())
    if not match:
        raise ValueError(f"not a version: {version!r}")
    major, minor, patch, before = match.groups()
    parts = tuple(_part(each) for each in before.split(".")) if before else ()
    return int(major), int(minor or 0), int(patch or 0), not before, parts


def satisfies(version: str, constraint: str) -> bool:
    """Whether a version meets a constraint such as `~> 5.0, != 5.3.1`; the empty constraint takes every release.

    A pre-release meets only a constraint that names it exactly, as the engines have it. Raises ValueError for a
    constraint or version that cannot be read.
    """
    key, released = version_key(version), version_key(version)[3]
    parts = [part.strip() for part in constraint.split(",") if part.strip()]
    return (released or bool(parts)) and all(_meets(key, part) for part in parts)


def _meets(key: VersionKey, constraint: str) -> bool:
    match = _CONSTRAINT.fullmatch(constraint)
    if not match:
        raise ValueError(f"not a version constraint: {constraint!r}")
    operator, bound = match.group(1) or "=", version_key(match.group(2))
    if operator in {"=", "!="}:
        return (key == bound) == (operator == "=")
    if not key[3] and key != bound:
        return False
    if operator == "~>":
        return bound <= key and _shares_prefix(key, bound, match.group(2))
    return {">": key > bound, ">=": key >= bound, "<": key < bound, "<=": key <= bound}[operator]


def _shares_prefix(key: VersionKey, bound: VersionKey, text: str) -> bool:
    """`~>` lets only the last of the numbers that were written grow."""
    written = text.partition("-")[0].count(".") + 1
    return key[: max(written - 1, 1)] == bound[: max(written - 1, 1)]


def _part(text: str) -> tuple[bool, int, str]:
    # Numbers come before words there, and are compared as numbers.
    return (False, int(text[:18]), "") if text.isdecimal() else (True, 0, text)
