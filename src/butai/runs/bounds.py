"""What a container or a service is allowed of its machine (Linux control groups, version 2)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20
GROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Bounds:
    """None: no bound. `left_mib`: what of the bound is not taken; a file's cache that can be dropped is not."""

    cores: int | None = None
    memory_mib: int | None = None
    left_mib: int | None = None


def bounds(groups: Path = GROUPS, own: Path = OWN) -> Bounds:
    """The narrowest bounds of this process's group and those around it; none where there are no such groups."""
    found = [_of(folder) for folder in _folders(groups, own)]
    return Bounds(
        min((each.cores for each in found if each.cores is not None), default=None),
        min((each.memory_mib for each in found if each.memory_mib is not None), default=None),
        min((each.left_mib for each in found if each.left_mib is not None), default=None),
    )


def _folders(groups: Path, own: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for line in own.read_text().splitlines():
            if line.startswith("0::/"):
                folder = Path(line.removeprefix("0::/"))
                yield from (groups / each for each in (folder, *folder.parents))


def _of(folder: Path) -> Bounds:
    cores = memory = left = None
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        # What is less than one core is one all the same: a run must be able to go on.
        cores = max(1, int(quota) // int(period))
    with contextlib.suppress(OSError, ValueError):
        most = int((folder / "memory.max").read_text())
        taken = int((folder / "memory.current").read_text()) - _cache(folder)
        memory, left = most // MIB, max(0, most - taken) // MIB
    return Bounds(cores, memory, left)


def _cache(folder: Path) -> int:
    for line in (folder / "memory.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return int(value)
    return 0
