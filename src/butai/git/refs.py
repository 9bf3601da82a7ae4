"""Branches as people look for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from butai.terraform.text import plain


@dataclass(frozen=True)
class Branch:
    """One branch and its newest commit. Texts are fit to be shown."""

    name: str
    commit: str
    author: str
    committed_at: datetime
    subject: str

    # For `git for-each-ref`: a NUL can stand in none of these.
    FORMAT: ClassVar[str] = (
        "%(refname:lstrip=2)%00%(objectname)%00%(authorname)%00%(committerdate:unix)%00%(contents:subject)%00"
    )


def parse_branches(answer: str) -> list[Branch]:
    """The answer of `git for-each-ref` in `Branch.FORMAT`, in its order. A branch whose name cannot be shown is left out."""
    fields = answer.split("\0")
    found = []
    for start in range(0, len(fields) - 5, 5):
        name, commit, author, seconds, subject = fields[start : start + 5]
        # Each record but the first begins with the line end of the one before.
        name = name.removeprefix("\n")
        if name.isprintable() and "\ufffd" not in name:
            when = datetime.fromtimestamp(int(seconds or 0), UTC)
            found.append(Branch(name, commit, plain(author), when, plain(subject)))
    return found


def search(branches: Iterable[Branch], text: str) -> list[Branch]:
    """The branches whose name, author, subject or commit hold every word, upper or lower case alike; order kept."""
    words = text.casefold().split()
    return [branch for branch in branches if all(word in _searched(branch) for word in words)]


def _searched(branch: Branch) -> str:
    return f"{branch.name}\n{branch.author}\n{branch.subject}\n{branch.commit}".casefold()
