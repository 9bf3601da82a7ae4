"""One shape for every error a person may see, and the exit codes of the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from butai.text import stored, text

_MOST_NAMES = 20


class Exit(IntEnum):
    """Exit codes of every `butai` command (listed by `butai help exit-codes`)."""

    DONE = 0
    FAILED = 1
    WRONG_USE = 2
    REFUSED = 3
    NOT_LOGGED_IN = 4
    HALF_DONE = 5
    STILL_RUNNING = 8
    INTERRUPTED = 130


class ButaiError(Exception):
    """An expected failure: what happened, why, and what to do next.

    `code` is a stable kebab-case name for programs; `status` the HTTP status the API answers with. `where` names the
    file and line, the form field or the flag that is at fault, if there is one.
    """

    code = "failed"
    status = 500
    exit = Exit.FAILED

    def __init__(self, what: str, *, why: str = "", next: str = "", where: str = "", code: str | None = None) -> None:
        super().__init__(what)
        self.what, self.why, self.next, self.where = what, why, next, where
        if code:
            self.code = code

    def as_json(self) -> dict[str, Any]:
        """The one JSON shape of errors, for the API and for `--json`."""
        return {
            "error": {"code": self.code, "what": self.what, "why": self.why, "next": self.next, "where": self.where}
        }

    def as_stored(self) -> dict[str, Any]:
        """The same to be kept, with what a translation is made of."""
        texts = {"what": stored(self.what), "why": stored(self.why), "next": stored(self.next)}
        return {**self.as_json()["error"], "texts": texts}

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        return "\n".join(lines + [line for line in (self.why, self.next) if line])


class WrongUseError(ButaiError):
    """The request itself is wrong: a bad name, an unknown field, a value out of range."""

    code, status, exit = "wrong-use", 422, Exit.WRONG_USE


class NotFoundError(ButaiError):
    """There is nothing of that name."""

    code, status, exit = "not-found", 404, Exit.WRONG_USE


class RefusedError(ButaiError):
    """The request is well-formed, but the present state of things forbids it (taken, locked, in use, exhausted)."""

    code, status, exit = "refused", 409, Exit.REFUSED


class NotLoggedInError(ButaiError):
    """No key, or a wrong one."""

    code, status, exit = "not-logged-in", 401, Exit.NOT_LOGGED_IN


class MissingPartError(ButaiError):
    """Something this machine must have is not there (an engine, a provider, git)."""

    code, status, exit = "missing-part", 503, Exit.FAILED


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the nearest known one, or all of them (the first of many) when none is near."""
    names = sorted({*known} - {""})
    shown = ", ".join([*names[:_MOST_NAMES], *(["…"] if len(names) > _MOST_NAMES else [])])
    return nearest(wrong, names) or (text("Known: {names}.", names=shown) if names else "")


def nearest(wrong: str, known: Iterable[str]) -> str:
    """A hint for an unknown name where a known one is near; else nothing."""
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    return text("Did you mean `{name}`?", name=near[0]) if near else ""
