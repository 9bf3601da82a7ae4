"""What an expression may refer to."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from butai.terraform.evaluation.values import NOT_KNOWN, Value, count, from_plain, string

ReadFile = Callable[[str], bytes | None]
"""The content of a file by its path from the repository's top; none where there is no such file. Raises NotTold."""
ListFiles = Callable[[str], Iterable[str]]
"""Every file below a folder, both by their paths from the top; none where there is no such folder. Raises NotTold."""


class NotTold(Exception):  # noqa: N818 it says what is so, not what went wrong
    """What is there is not known here, or not read: it lies outside of the repository, say, or is very large."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Names and their values, plain or as `Value`. What is not given is unknown.

    `each` (with `key` and `value`), `count_index` and `itself`: what `each`, `count` and `self` are in the block that the
    expression is from.
    `module`: `path.module`, from the root module's folder, none where it is not known; `root`: that folder, from the
    repository's top.
    `read`, `files`: the repository's.
    `is_closed`: all variables and locals are here, so that a reference to another one is Terraform's error.
    """

    variables: Mapping[str, Any] = field(default_factory=dict)
    locals: Mapping[str, Any] = field(default_factory=dict)
    each: Mapping[str, Any] | None = None
    count_index: int | None = None
    itself: Any = NOT_KNOWN
    module: str | None = "."
    root: str = "."
    workspace: str | None = None
    read: ReadFile | None = None
    files: ListFiles | None = None
    is_closed: bool = False

    def named(self, name: str) -> Mapping[str, Any] | None:
        """What the first word of a reference stands for; none for resources, modules and whatever else is elsewhere."""
        match name:
            case "var":
                return self.variables
            case "local":
                return self.locals
            case "each":
                return self.each
            case "count":
                return None if self.count_index is None else {"index": count(self.count_index)}
            case "path":
                return {
                    "module": NOT_KNOWN if self.module is None else string(self.module),
                    "root": string("."),
                    "cwd": NOT_KNOWN,
                }
            case "terraform":
                return {"workspace": NOT_KNOWN if self.workspace is None else string(self.workspace)}
        return None

    def must_have(self, name: str) -> bool:
        """Whether a missing attribute of that word is an error of the configuration."""
        return name in {"path", "terraform"} or (self.is_closed and name in {"var", "local"})

    def in_repository(self, path: str) -> str | None:
        """The path from the repository's top of a path that an expression gives; none outside of it."""
        if path.startswith(("/", "~")) or self.read is None:
            return None
        found = posixpath.normpath(posixpath.join(self.root, path))
        return None if found == ".." or found.startswith("../") else found


def as_value(given: Any) -> Value:
    """A given value, plain or not, as a `Value`. Raises BeyondLimits and Refused."""
    return given if isinstance(given, Value) else from_plain(given)
