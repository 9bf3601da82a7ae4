"""What a prepared folder saves a run: the engine's `init` of the example team's root against putting a kept one in place.

    make bench-prepared          # prints one JSON object last; writes benchmarks/results/prepared.json

Seconds, medians of BENCH_ROUNDS (5). `init`: the engine's process, provider from a mirror. `keep`: the program that keeps what
it made, its start included; once for each key. `use`: as in each later run, the check of the provider against the lock file
included; `use_first`: the same where this machine has never read that provider before.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from butai.demo.team import examples_folder
from butai.environments.keeping import Task
from butai.terraform import commands
from butai.terraform.engine import Engine, probe
from butai.terraform.environment import engine_environment
from butai.terraform.machine import this_platform
from butai.terraform.packages import PackageHashes
from butai.terraform.prepared import PreparedFolders
from butai.terraform.prepared_key import Ingredients, tree_digest
from butai.terraform.providers import cli_config, find_mirrors

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
RESULTS = Path(__file__).parent / "results" / "prepared.json"


def main() -> int:
    """Measure, print, and keep the figures."""
    found = shutil.which("terraform") or shutil.which("tofu")
    if not found:
        sys.exit("no engine on PATH")
    with tempfile.TemporaryDirectory(prefix="butai-bench-") as folder:
        figures = measure(Path(folder), probe(Path(found)))
    figures["rounds"] = ROUNDS
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures))
    return 0


def measure(place: Path, engine: Engine) -> dict[str, float]:
    """All of it, in folders of its own."""
    config = place / "engine.tfrc"
    config.write_text(cli_config(find_mirrors(os.environ, home=Path.home())))
    env = engine_environment(os.environ, extra={}, cli_config=config)
    taken: dict[str, list[float]] = {name: [] for name in ("init", "keep", "use", "use_first")}
    for number in range(ROUNDS):
        made, store = root_in(place / f"made-{number}"), place / f"store-{number}"
        store.mkdir()
        made_of = ingredients(made, engine, config.read_text())
        Task(store, made, made_of).write(made.parent)
        taken["init"].append(timed(run, commands.init(engine), made, env))
        argv = [sys.executable, "-m", "butai.environments.keeping", str(made.parent)]
        taken["keep"].append(timed(run, argv, made, env))
        for name in ("use_first", "use"):
            fresh = root_in(place / f"{name}-{number}")
            folders = PreparedFolders(store, PackageHashes(place / f"packages-{number}.json"))
            taken[name].append(timed(use, folders, made_of.key(), fresh))
    return {name: round(statistics.median(each), 3) for name, each in taken.items()}


def root_in(folder: Path) -> Path:
    """The example team's root in a tree of its own."""
    root = folder / "staging"
    shutil.copytree(examples_folder() / "ivr" / "infra" / "staging", root)
    return root


def ingredients(root: Path, engine: Engine, config: str) -> Ingredients:
    """As a run has them, but for the backend."""
    return Ingredients(tree_digest(root.parent), root.name, "", "", engine.version, this_platform(), config, MIRRORED)


def run(argv: list[str], root: Path, env: dict[str, str]) -> None:
    """One command to its end."""
    subprocess.run(argv, cwd=root, env=env, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def use(folders: PreparedFolders, key: str, root: Path) -> None:
    """As a run does it."""
    if not folders.use(key, root).used:
        raise SystemExit("the prepared folder was not used")


def timed(what: Callable[..., None], *given: object) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    what(*given)
    return time.perf_counter() - started


MIRRORED = tuple((each.source, each.version) for each in find_mirrors(os.environ, home=Path.home()).packages)

if __name__ == "__main__":
    sys.exit(main())
