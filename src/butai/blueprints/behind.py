"""How far a commit is behind a branch, as the mirror knows it: no network, and each pair of commits is compared once."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime

from butai.errors import ButaiError
from butai.git.repository import Repository

REMEMBERED = 512


@dataclass(frozen=True)
class Behind:
    """What a ref has that a commit has not: how many commits, the newest one, and whether the root's files differ."""

    ref: str
    commits: int
    head: str
    subject: str
    root_changed: bool


@dataclass(frozen=True)
class Standing:
    """A commit beside a branch: commits that it has and the branch has not, the other way round, and when it was made."""

    ahead: int
    behind: int
    committed_at: datetime


class Comparison:
    """Compares commits of mirrors. Heads are looked up once after each fetch, pairs of commits once."""

    def __init__(self) -> None:
        self._stand = functools.lru_cache(REMEMBERED)(_stand)
        self._head = functools.lru_cache(REMEMBERED)(_head)
        self._compare = functools.lru_cache(REMEMBERED)(_compare)

    def behind(self, repository: Repository, commit: str, ref: str, root: str) -> Behind | None:
        """How far the commit is behind the ref; none when it is not, or when the mirror does not know."""
        try:
            head = self._head(repository, ref, repository.fetched_at())
            return None if head == commit else self._compare(repository, commit, head, ref, root)
        except ButaiError:
            return None

    def standing(self, repository: Repository, commit: str, ref: str) -> Standing | None:
        """How a commit stands beside a branch; none when the mirror does not know one of them."""
        try:
            return self._stand(repository, commit, self._head(repository, ref, repository.fetched_at()))
        except ButaiError:
            return None


def _stand(repository: Repository, commit: str, head: str) -> Standing:
    ahead, behind = repository.count_between(head, commit), repository.count_between(commit, head)
    return Standing(ahead, behind, repository.committed_at(commit))


def _head(repository: Repository, ref: str, fetched_at: float) -> str:  # noqa: ARG001 - a later fetch is another look
    return repository.resolve(ref)


def _compare(repository: Repository, commit: str, head: str, ref: str, root: str) -> Behind | None:
    count, subject = repository.count_between(commit, head), repository.subject(head)
    changed = repository.tree_of(commit, root) != repository.tree_of(head, root)
    return Behind(ref, count, head, subject, changed) if count else None
