"""What git tells of the nodes of a graph: when each came about, how often it changes, who knows it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import structlog

from butai.datafolder import write_json
from butai.errors import ButaiError
from butai.git.repository import Repository
from butai.history.blocks import BlockSpan
from butai.history.figures import Figures
from butai.history.model import History, age, churn
from butai.history.read import read_history
from butai.inventory.measures import Changes
from butai.inventory.model import FOLDERS, Graph

log = structlog.get_logger()

VERSION = 1
"""Raised when a kept history means something else than before."""


def spans(graph: Graph) -> dict[str, list[BlockSpan]]:
    """The lines of every node by file, as the graph has them."""
    found: dict[str, list[BlockSpan]] = {}
    for node in graph.nodes.values():
        if node.file and node.kind not in FOLDERS and node.line:
            found.setdefault(node.file, []).append(BlockSpan(node.id, node.line, max(node.line, node.end_line)))
    return found


def changes(figures: Figures) -> dict[str, Changes]:
    """By node; what has no known change is not in it."""
    history, found = figures.history, {}
    for id_, story in history.blocks.items():
        known = age(history, story)
        if known is not None:
            within = churn(history, story, figures.now).within
            counts = [within[days].changes for days in (30, 90, 365)]
            found[id_] = Changes(_moment(known.first), _moment(known.last), *counts)
    return found


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


class Past:
    """Histories of repositories' commits. Reading one takes seconds, so that it is done beside what somebody waits for.

    The newest of each repository is kept in `folder`: the next commit's is read from there on.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._folder, self._now = folder, now
        self._lock = threading.Lock()
        self._reading: dict[tuple[str, str], Future[History | None]] = {}
        # What is counted in days changes once a day.
        self._changes: dict[tuple[str, str, date], dict[str, Changes]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="history")

    def figures(self, repository: Repository, commit: str, graph: Graph, *, wait: bool = False) -> Figures | None:
        """What is known at this moment; none while it is being read, and where it cannot be. `wait`: until it is read."""
        future = self._future(repository, commit, graph)
        if not wait and not future.done():
            return None
        history = future.result()
        return Figures(history, int(self._now().timestamp())) if history else None

    def is_over(self, repository: Repository, commit: str) -> bool:
        """Whether the reading that `figures` began has ended, well or not."""
        with self._lock:
            future = self._reading.get((repository.location, commit))
        return future is not None and future.done()

    def changes(self, repository: Repository, commit: str, graph: Graph) -> dict[str, Changes] | None:
        """Of every node, as far as it is known by now."""
        figures = self.figures(repository, commit, graph)
        if figures is None:
            return None
        key = repository.location, commit, self._now().date()
        with self._lock:
            known = self._changes.get(key)
        if known is None:
            known = changes(figures)
            with self._lock:
                self._changes = {each: self._changes[each] for each in self._changes if each[0] != key[0]} | {
                    key: known
                }
        return known

    def _future(self, repository: Repository, commit: str, graph: Graph) -> Future[History | None]:
        key = repository.location, commit
        with self._lock:
            if key not in self._reading:
                # Of each repository the newest one asked for, and nothing of what was before it.
                for other in [each for each in self._reading if each[0] == key[0] and self._reading[each].done()]:
                    del self._reading[other]
                self._reading[key] = self._pool.submit(self._read, repository, commit, graph)
            return self._reading[key]

    def _read(self, repository: Repository, commit: str, graph: Graph) -> History | None:
        try:
            before = self._kept(repository)
            if before is not None and before.commit == commit:
                return before
            found = read_history(repository.folder, commit, spans(graph), before=before)
            if found is not None and not found.cut_short:
                self._folder.mkdir(parents=True, exist_ok=True)
                write_json(self._place(repository), {"version": VERSION, **found.stored()})
        except ButaiError as error:
            log.warning("history not read", repository=repository.location, why=error.what)
            return None
        else:
            return found

    def _kept(self, repository: Repository) -> History | None:
        try:
            stored: dict[str, Any] = json.loads(self._place(repository).read_text())
            return History.restored(stored) if stored.pop("version") == VERSION else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _place(self, repository: Repository) -> Path:
        return self._folder / f"{hashlib.sha256(repository.location.encode()).hexdigest()[:24]}.json"
