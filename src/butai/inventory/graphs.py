"""Graphs and pictures kept in memory: what a commit holds never changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Generic, TypeVar

from butai.git.locations import repository_name
from butai.git.repository import Repository
from butai.inventory.git_source import git_commit
from butai.inventory.groups import Groups, groups_of
from butai.inventory.memory import Memory
from butai.inventory.model import Graph
from butai.inventory.picture import Picture, draw
from butai.inventory.reading import Cache, read_graph
from butai.inventory.view import View

_OLD_COMMITS: Final = 4
_PICTURES: Final = 128

Found = TypeVar("Found")


@dataclass(frozen=True)
class Read:
    """A commit that was read."""

    commit: str
    graph: Graph

    @cached_property
    def groups(self) -> Groups:
        """What can be opened and closed on its map."""
        return groups_of(self.graph)


class _Few(Generic[Found]):
    """The few things that were asked for last, each made once at a time."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[Hashable, Found] = OrderedDict()

    def get(self, key: Hashable) -> Found | None:
        """What is kept under a key."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: Hashable, found: Found) -> Found:
        """Keep it, and forget what nobody has asked for the longest."""
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


@dataclass
class _OneRepository:
    """Its newest commit, and what was read and worked out for it. `lock`: of who reads it, one at a time."""

    lock: threading.Lock
    files: Cache
    memory: Memory
    newest: Read | None = None


class Graphs:
    """What was read of every repository: the newest commit of each, and a few others that somebody looked at."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._repositories: dict[tuple[str, str, str], _OneRepository] = {}
        self._others: _Few[Read] = _Few(_OLD_COMMITS)
        self._pictures: _Few[Picture] = _Few(_PICTURES)

    def newest(self, repository: Repository, ref: str, commit: str, engine: str = "") -> Read:
        """A ref's newest commit: only files that no commit before it had are parsed. Raises GitError.

        `engine`: the one that it is read for, as in `read_graph`.
        """
        one = self._one(repository, ref, engine)
        with one.lock:
            if one.newest is None or one.newest.commit != commit:
                one.newest = _read(repository, commit, engine, one.files, one.memory)
            return one.newest

    def other(self, repository: Repository, ref: str, commit: str, engine: str = "") -> Read:
        """Any commit. Raises GitError."""
        one = self._one(repository, ref, engine)
        if one.newest is not None and one.newest.commit == commit:
            return one.newest
        key = (repository.location, commit, engine)
        found = self._others.get(key)
        # The files of the newest commit stay known: reading is given a copy, which it may cut down.
        return found or self._others.keep(key, _read(repository, commit, engine, dict(one.files), one.memory.copy()))

    def known(self, repository: Repository, ref: str, engine: str = "") -> Read | None:
        """The newest commit, if it was read: nothing is read for it."""
        return self._one(repository, ref, engine).newest

    def picture(self, read: Read, view: View) -> Picture:
        """A view's picture; one that was drawn for the same graph is not drawn again, whichever commit it is of."""
        key = (read.graph.digest, view.drawing)
        return self._pictures.get(key) or self._pictures.keep(key, draw(read.graph, read.groups, view))

    def _one(self, repository: Repository, ref: str, engine: str) -> _OneRepository:
        with self._lock:
            return self._repositories.setdefault(
                (repository.location, ref, engine), _OneRepository(threading.Lock(), {}, Memory())
            )


def _read(repository: Repository, commit: str, engine: str, files: Cache, memory: Memory) -> Read:
    with git_commit(repository, commit, repository_name(repository.location)) as source:
        graph = read_graph(source, files, engine, memory)
    return Read(commit, graph)
