"""One reading of a folder by Butai, in a process of its own: `python -m benchmarks.inventory_butai WHAT FOLDER PLACE`.

`reading`: every file parsed; `graph`: the whole graph; `kept_reading` and `kept_graph`: the same with what is kept of them in
the folder PLACE (made where it is not there); `changed`: a server's view of a repository in git, of which CHANGES commits
change one file each. Prints one JSON object: CPU seconds and MB up to where everything is imported, and what was measured.
"""

from __future__ import annotations

import gc
import json
import random
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from butai.git.repository import Repository
from butai.inventory.git_source import git_commit
from butai.inventory.kept import kept
from butai.inventory.memory import Memory
from butai.inventory.model import Graph, Kind
from butai.inventory.reading import WorkingFolder, no_collecting, read_files, read_graph
from butai.terraform.hcl_blocks import Parsed
from support.repository import WorkingTree

CHANGES = 20


def main(what: str, folder: Path, place: Path) -> None:
    """Measure one of them."""
    ready = {"ready": cpu(), "ready_mb": memory("VmRSS")}
    figures = _WHAT[what](folder, place)
    # As `butai map` does.
    gc.freeze()
    print(json.dumps({**ready, **figures, "mb": memory("VmRSS"), "peak_mb": memory("VmHWM")}))


def _reading(folder: Path, _place: Path) -> dict[str, Any]:
    with no_collecting():
        _HELD.append(read_files(WorkingFolder(folder), {}))
    return {}


def _graph(folder: Path, _place: Path) -> dict[str, Any]:
    return _counted(read_graph(WorkingFolder(folder)))


def _kept_reading(folder: Path, place: Path) -> dict[str, Any]:
    with no_collecting(), kept(place, folder) as files:
        _HELD.append(read_files(WorkingFolder(folder), files))
    return {}


def _kept_graph(folder: Path, place: Path) -> dict[str, Any]:
    with kept(place, folder) as files:
        return _counted(read_graph(WorkingFolder(folder), files))


def _counted(graph: Graph) -> dict[str, Any]:
    _HELD.append(graph)
    resources = sum(each.kind is Kind.RESOURCE for each in graph.nodes.values())
    return {"resources": resources, "nodes": len(graph.nodes), "edges": len(graph.edges), "folders": len(graph.modules)}


def _changed(folder: Path, place: Path) -> dict[str, Any]:
    repository = Repository(str(place / "tree"), place / "mirror")
    commits = list(_commits(folder, place / "tree"))
    repository.fetch()
    files: dict[str, Parsed] = {}
    before = Memory()
    _read_commit(repository, commits[0], files, before)
    taken = [_read_commit(repository, each, files, before) for each in commits[1:]]
    return {"changed_ms": [wall for wall, _ in taken], "changed_cpu_ms": [used for _, used in taken]}


def _commits(folder: Path, place: Path) -> Iterator[str]:
    shutil.copytree(folder, place, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    tree = WorkingTree(place)
    yield tree.commit({})
    chance = random.Random(CHANGES)  # noqa: S311 - the same for everybody is the point
    names = sorted(each.relative_to(place).as_posix() for each in place.rglob("*.tf") if each.is_file())
    for number, name in enumerate(chance.choices(names, k=CHANGES)):
        before = (place / name).read_text(errors="replace")
        yield tree.commit({name: f'{before}\nlocals {{\n  added_{number} = "{number}"\n}}\n'})


def _read_commit(repository: Repository, commit: str, files: dict[str, Parsed], before: Memory) -> tuple[float, float]:
    began, used = time.perf_counter(), cpu()
    with git_commit(repository, commit, "repository") as source:
        _HELD[:] = [read_graph(source, files, memory=before)]
    return round(1000 * (time.perf_counter() - began), 1), round(1000 * (cpu() - used), 1)


# What was made stays, as it would for whoever asked for it.
_HELD: list[object] = []
_WHAT = {
    "reading": _reading,
    "graph": _graph,
    "kept_reading": _kept_reading,
    "kept_graph": _kept_graph,
    "changed": _changed,
}


def cpu() -> float:
    """Seconds that this process and its ended children have used."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(each.ru_utime + each.ru_stime for each in map(resource.getrusage, who))


def memory(which: str) -> float:
    """MB that this process holds (VmRSS) or held at most (VmHWM)."""
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith(which))
    return round(int(line.split()[1]) / 1024, 1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
