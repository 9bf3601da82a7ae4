"""Looking at this machine: its memory and cores, and what the processes of each run have used."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

from butai.datafolder import FolderLock
from butai.runs.bounds import MIB, bounds
from butai.runs.folder import RunFolder
from butai.runs.room import Machine, Seen


def cores() -> int:
    """Cores that this process may use."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(there, bounds().cores or there)


def machine(count: int, busy: float) -> Machine:
    """The machine as it is now, or the part of it that this process may use."""
    memory, allowed = psutil.virtual_memory(), bounds()
    total, free = memory.total // MIB, memory.available // MIB
    if allowed.memory_mib is not None and allowed.left_mib is not None:
        total, free = min(total, allowed.memory_mib), min(free, allowed.left_mib)
    return Machine(count, total, free, busy)


class Family:
    """All processes of this moment, by parent: one look at the machine for any number of runs."""

    def __init__(self) -> None:
        self._children: dict[int, list[psutil.Process]] = defaultdict(list)
        self._own: dict[int, psutil.Process] = {}
        for process in psutil.process_iter():
            try:
                self._children[process.ppid()].append(process)
            except psutil.Error:
                continue
            self._own[process.pid] = process

    def used(self, roots: Iterable[int]) -> tuple[float, int]:
        """Seconds of CPU time and mebibytes of these processes and all below them; what has ended is in its parent's."""
        seconds, size = 0.0, 0
        for process in {each.pid: each for root in roots for each in self._tree(root)}.values():
            try:
                with process.oneshot():
                    times, memory = process.cpu_times(), process.memory_info()
            except psutil.Error:
                continue
            seconds += times.user + times.system + times.children_user + times.children_system
            size += memory.rss
        return seconds, size // MIB

    def _tree(self, root: int) -> Iterator[psutil.Process]:
        if root in self._own:
            yield self._own[root]
        for child in self._children.get(root, ()):
            yield from self._tree(child.pid)


def look_at_run(family: Family, folder: RunFolder, *, shared: bool, over: bool) -> Seen:
    """What a run's supervisor and engine use. Each command of an engine is a process of its own."""
    if over or folder.read_end() is not None:
        return Seen(over=True)
    try:
        engine = folder.living_engine() if folder.engine_was_started else None
        process = f"{engine.pid}/{engine.create_time()}" if engine else ""
    except (psutil.Error, OSError):
        engine, process = None, ""
    roots = [each for each in (_supervisor(folder), engine and engine.pid) if each]
    seconds, size = family.used(roots)
    return Seen(process, seconds, size, shared)


def _supervisor(folder: RunFolder) -> int | None:
    if not folder.supervised():
        return None
    try:
        number = FolderLock(folder.lock_path).holder()
    except OSError:
        return None
    # Who only looks whether it is held has it for a moment: this process may read itself there.
    return int(number) if number.isdigit() and int(number) != os.getpid() else None


def look_at_providers(family: Family, folder: Path) -> Seen:
    """What the provider host of this machine and its providers use."""
    try:
        pid = int(json.loads((folder / "host.json").read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return Seen()
    seconds, size = family.used([pid])
    return Seen(f"{pid}", seconds, size, shared=True)


def shared_way(way: Mapping[str, object] | None) -> bool:
    """Whether a run's way is the one with shared providers."""
    return bool(way and way.get("accelerated"))
