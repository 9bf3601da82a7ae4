"""How far a commit is behind a branch, as the mirror knows it: no network, and each pair of commits is compared once."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from butai.blueprints.git import Repository
from butai.errors import ButaiError

REMEMBERED = 512


@dataclass(frozen=True)
class Behind:
    """What a ref has that a commit has not: how many commits, the newest one, and whether the root's files differ."""

    ref: str
    commits: int
    head: str
    subject: str
    root_changed: bool


class Comparison:
    """Compares commits of mirrors. Heads are looked up once after each fetch, pairs of commits once."""

    def __init__(self) -> None:
        self._head = functools.lru_cache(REMEMBERED)(_head)
        self._compare = functools.lru_cache(REMEMBERED)(_compare)

    def behind(self, repository: Repository, commit: str, ref: str, root: str) -> Behind | None:
        """How far the commit is behind the ref; none when it is not, or when the mirror does not know."""
        try:
            head = self._head(repository, ref, repository.fetched_at())
            return None if head == commit else self._compare(repository, commit, head, ref, root)
        except ButaiError:
            return None


def _head(repository: Repository, ref: str, fetched_at: float) -> str:  # noqa: ARG001 - a later fetch is another look
    return repository.resolve(ref)


def _compare(repository: Repository, commit: str, head: str, ref: str, root: str) -> Behind | None:
    count, subject = repository.count_between(commit, head), repository.subject(head)
    changed = repository.tree_of(commit, root) != repository.tree_of(head, root)
    return Behind(ref, count, head, subject, changed) if count else None
