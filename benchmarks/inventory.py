"""Reading a repository of Terraform: Butai, python-hcl2, pygohcl, tfparse and `terraform fmt` over the same files.

    make bench-inventory         # prints one JSON object last; writes benchmarks/results/inventory.json

The files are those below BUTAI_HCL (a folder of repositories), else a repository that is made up: 10,000 resources in 2,000
files. Each reading is a process of its own, in turn, in another order each round (BENCH_ROUNDS, 5). CPU seconds are those of
the process, as the system counts them, without its start: what it had used when its libraries stood ready, and for `terraform`
what it uses for an empty folder. Ratios are of CPU seconds in one round, medians over the rounds.

- `reading`: every file as blocks, references and comments with their places. `graph`: that, and the whole graph.
- `kept_reading`, `kept_graph`: the same where no file has changed, by the hash of its content, with what `butai map` keeps on
  disk. Each file is read and hashed.
- `changed`: in a running server, a commit that changes one file: from asking git to the whole graph. Of the largest repository.
- python-hcl2 is so slow that it gets every tenth file, and Butai the same ones.
- tfparse evaluates: it gets every tenth root, with all modules, and Butai makes its graph of the same folder.
- `memory_mb`: the most that a process making the graph held, less what the graph itself takes.
- `cli_start`: `butai map` of an empty folder, whole. It is in none of the other figures, nor is anything of git's history.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.inventory_peers import roots

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
PEERS = Path(os.environ.get("BENCH_PEERS") or Path(__file__).parents[1] / ".venv" / "peers")
RESULTS = Path(__file__).parent / "results" / "inventory.json"
SAMPLE = 10
AIMS = {
    "reading_of_fmt": 0.7,
    "graph_of_fmt": 1.2,
    "kept_reading_of_fmt": 0.15,
    "reading_of_python_hcl2": 0.1,
    "changed_ms": 100,
    "memory_mb": 64,
}


@dataclass
class Taken:
    """What one side took in each round, `cpu` without its start. `said`: what it printed.

    tfparse can end its process from inside: it `failed` then.
    """

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    failed: bool = False


def main() -> int:
    """Measure, print, and keep the figures."""
    with tempfile.TemporaryDirectory(prefix="butai-bench-") as folder:
        place = Path(folder)
        repository = Path(os.environ["BUTAI_HCL"]) if os.environ.get("BUTAI_HCL") else made_up(place / "repository")
        taken = measure(place, repository)
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load": [round(each, 1) for each in os.getloadavg()],
        "rounds": ROUNDS,
        "input": "BUTAI_HCL" if os.environ.get("BUTAI_HCL") else "made up",
        "read": {name: each for name, each in taken["graph"].said[0].items() if name in COUNTED},
        "medians": {name: medians_of(each) for name, each in taken.items()},
        "cpu_s": {name: [round(value, 2) for value in each.cpu] for name, each in taken.items()},
        "changed_cpu_ms": over_all(taken["changed"], "changed_cpu_ms"),
        "ratios": (ratios := ratios_of(taken)),
        "aims": AIMS,
        "held": all(ratios[name] <= aim for name, aim in AIMS.items()),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({name: result[name] for name in ("ratios", "aims", "held")}))
    return 0


COUNTED = ("resources", "nodes", "edges", "folders")


def made_up(folder: Path) -> Path:
    """Written by a process of its own: what this one holds counts as the peak of each that it starts."""
    subprocess.run([sys.executable, "-m", "benchmarks.inventory_repository", str(folder)], check=True)
    return folder


def measure(place: Path, repository: Path) -> dict[str, Taken]:
    """Every side in every round."""
    files, some_roots = sample_of_files(repository, place / "files"), sample_of_roots(repository, place / "roots")
    empty = place / "empty"
    empty.mkdir()
    butai = [sys.executable, "-m", "benchmarks.inventory_butai"]
    peer = [str(PEERS / "bin" / "python"), str(Path(__file__).with_name("inventory_peers.py"))]
    sides = {
        "fmt_start": ["terraform", "fmt", "-check", "-recursive", str(empty)],
        "fmt": ["terraform", "fmt", "-check", "-recursive", str(repository)],
        "reading": [*butai, "reading", str(repository), str(place)],
        "graph": [*butai, "graph", str(repository), str(place)],
        "kept_reading": [*butai, "kept_reading", str(repository), str(place / "kept")],
        "kept_graph": [*butai, "kept_graph", str(repository), str(place / "kept")],
        "pygohcl": [*peer, "pygohcl", str(repository)],
        "python_hcl2": [*peer, "python_hcl2", str(files)],
        "reading_sample": [*butai, "reading", str(files), str(place)],
        "tfparse": [*peer, "tfparse", str(some_roots)],
        "graph_sample": [*butai, "graph", str(some_roots), str(place)],
        "cli_start": [sys.executable, "-m", "butai", "map", str(empty)],
    }
    run(sides["kept_graph"], Taken())
    taken: dict[str, Taken] = {name: Taken() for name in sides}
    names = list(sides)
    for number in range(ROUNDS):
        for name in [*names[number % len(names) :], *names[: number % len(names)]]:
            run(sides[name], taken[name])
            print(f"round {number + 1}: {name} {taken[name].cpu[-1]:.2f} s of CPU", file=sys.stderr)
    taken["fmt"].cpu = [whole - start for whole, start in zip(taken["fmt"].cpu, taken["fmt_start"].cpu, strict=True)]
    taken["changed"] = Taken()
    run([*butai, "changed", str(largest_of(repository)), str(place / "changed")], taken["changed"])
    return taken


def largest_of(folder: Path) -> Path:
    """The repository with the most files, of a folder of repositories; else that is the repository."""
    if any(folder.glob("*.tf")) or not os.environ.get("BUTAI_HCL"):
        return folder
    return max(
        (each for each in folder.iterdir() if each.is_dir()), key=lambda each: sum(1 for _ in each.rglob("*.tf"))
    )


def run(argv: list[str], taken: Taken) -> None:
    """One process to its end."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as problems:
        process = subprocess.Popen(argv, stdout=output, stderr=problems, env=ENVIRONMENT)
        _, status, usage = os.wait4(process.pid, 0)
        taken.wall.append(time.perf_counter() - began)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read()
        problems.seek(0)
        # `terraform fmt` ends so for a file that it would write otherwise.
        if process.returncode and argv[0] != "terraform":
            print(problems.read().decode(errors="replace"), f"{argv} ended with {process.returncode}", file=sys.stderr)
            if "tfparse" not in argv:
                sys.exit("a reading did not come to its end")
            taken.failed = True
    printed = json.loads(said) if said.startswith(b'{"ready"') else {}
    taken.cpu.append(usage.ru_utime + usage.ru_stime - printed.get("ready", 0))
    taken.peak_mb.append(usage.ru_maxrss / 1024)
    taken.said.append(printed)


def sample_of_files(repository: Path, target: Path) -> Path:
    """Every tenth file, where it was."""
    files = sorted(each for each in repository.rglob("*.tf") if each.is_file())
    return copied(repository, files[::SAMPLE], target)


def sample_of_roots(repository: Path, target: Path) -> Path:
    """Every tenth folder that says where its state lies, and all that do not."""
    left_out = set(roots(repository)) - set(roots(repository)[::SAMPLE])
    files = [each for each in repository.rglob("*.tf") if each.is_file() and each.parent not in left_out]
    return copied(repository, files, target)


def copied(repository: Path, files: list[Path], target: Path) -> Path:
    """The files below another folder."""
    for each in files:
        place = target / each.relative_to(repository)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(each, place)
    return target


def ratios_of(taken: Mapping[str, Taken]) -> dict[str, Any]:
    """What the aims are about, and the others."""

    def ratio(one: str, other: str) -> float:
        pairs = zip(taken[one].cpu, taken[other].cpu, strict=True)
        return round(statistics.median(ours / theirs for ours, theirs in pairs), 3)

    return {
        "reading_of_fmt": ratio("reading", "fmt"),
        "graph_of_fmt": ratio("graph", "fmt"),
        "kept_reading_of_fmt": ratio("kept_reading", "fmt"),
        "kept_graph_of_fmt": ratio("kept_graph", "fmt"),
        "reading_of_python_hcl2": ratio("reading_sample", "python_hcl2"),
        "reading_of_pygohcl": ratio("reading", "pygohcl"),
        "graph_of_tfparse": None if taken["tfparse"].failed else ratio("graph_sample", "tfparse"),
        "changed_ms": over_all(taken["changed"], "changed_ms"),
        "memory_mb": round(max(beside_the_graph(each) for each in taken["graph"].said), 1),
    }


def beside_the_graph(said: Mapping[str, float]) -> float:
    """MB that were held at most, less those that stayed."""
    return said["peak_mb"] - (said["mb"] - said["ready_mb"])


def over_all(taken: Taken, name: str) -> float:
    """The median of what one process measured again and again."""
    return float(statistics.median(taken.said[0][name]))


def medians_of(taken: Taken) -> dict[str, float]:
    """Of one side."""
    return {
        "cpu_s": round(statistics.median(taken.cpu), 2),
        "wall_s": round(statistics.median(taken.wall), 2),
        "peak_mb": round(statistics.median(taken.peak_mb)),
    }


# No setting of whoever measures.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("BUTAI_", "TF_"))}

if __name__ == "__main__":
    sys.exit(main())
