"""Creation of one environment: Butai against bare `terraform init && terraform apply` of the same module and values.

    make bench-create            # prints one JSON object last; writes benchmarks/results/create.json

Both sides run on the same local cloud, one after the other in turn, and are timed until the apply is over, every service is
steady and `web` answers 200 (it answers before Redis is there: a side that returned then would look faster than it is, and
the bare engine returns before the services that need Redis have started). It also
reports how long the first `make demo` of a fresh clone takes until both addresses answer, and a second start.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import httpx

from butai.aws.ecs import ServiceRef, look
from butai.blueprints.service import parse
from butai.demo.base import cloud_environment
from butai.terraform import commands
from butai.terraform.engine import Engine, probe
from butai.terraform.environment import COLLECTION, engine_environment
from butai.terraform.providers import cli_config, find_mirrors

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
AIMS = {"create": 1.10, "first_demo_s": 240.0, "second_demo_s": 20.0}
REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results" / "create.json"


def main() -> int:
    """Measure, print, and keep the figures."""
    with tempfile.TemporaryDirectory(prefix="butai-bench-") as folder:
        place = Path(folder)
        clone = place / "clone"
        subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(clone)], check=True)
        with demo(clone, place / "data") as (first, stage):
            bare, butai = rounds(stage)
        with demo(clone, place / "data") as (second, _):
            pass
    figures = {
        "create": statistics.median(butai) / statistics.median(bare),
        "first_demo_s": first,
        "second_demo_s": second,
    }
    held = all(figures[name] <= aim for name, aim in AIMS.items())
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "rounds": ROUNDS,
        "bare_s": [round(value, 2) for value in bare],
        "butai_s": [round(value, 2) for value in butai],
        "ratios": {name: round(value, 3) for name, value in figures.items()},
        "aims": AIMS,
        "held": held,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({name: result[name] for name in ("ratios", "aims", "held")}))
    return 0


class Stage:
    """The running demo: its command line, its cloud, its base."""

    def __init__(self, clone: Path, data: Path) -> None:
        self.clone, self.data = clone, data
        ports = json.loads((data / "ports.json").read_text())
        self.listener = ports["listener"]
        cloud = f"http://127.0.0.1:{ports['cloud']}"
        self.environ = cloud_environment(cloud, "ap-northeast-1")
        os.environ.update(self.environ)
        self._aws = boto3.Session(region_name="ap-northeast-1")

    def butai(self, *argv: str) -> None:
        """A command of the clone's own `butai`."""
        command = [str(self.clone / ".venv" / "bin" / "butai"), "--data", str(self.data / "butai"), *argv]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers(self, name: str) -> bool:
        """Whether the environment's pages answer 200."""
        url, headers = f"http://127.0.0.1:{self.listener}/", {"Host": f"{name}.ivr.localhost:{self.listener}"}
        try:
            return httpx.get(url, headers=headers, timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def is_steady(self, name: str) -> bool:
        """Whether ECS says that each of the three services has finished its roll-out."""
        services = [ServiceRef("ivr-shared", f"ivr-{name}-{each}") for each in ("web", "api", "worker")]
        return all(state.steady for state in look(self._aws, services))


@contextmanager
def demo(clone: Path, data: Path) -> Iterator[tuple[float, Stage]]:
    """`make demo` in the clone; gives the seconds until both addresses answered."""
    log = data.parent / "demo.log"
    began = time.monotonic()
    with log.open("wb") as out:
        environ = {**os.environ, "DEMO_FLAGS": f"--no-open --data {data}"}
        process = subprocess.Popen(
            ["make", "demo"], cwd=clone, env=environ, stdout=out, stderr=out, start_new_session=True
        )
    try:
        while "Ctrl-C stops" not in log.read_text():
            if process.poll() is not None:
                raise SystemExit(f"make demo failed:\n{log.read_text()}")
            time.sleep(0.1)
        yield time.monotonic() - began, Stage(clone, data)
    finally:
        os.killpg(process.pid, 2)
        process.wait(120)


def rounds(stage: Stage) -> tuple[list[float], list[float]]:
    """Bare and Butai in turn, each from nothing to 200 and away again."""
    bare: list[float] = []
    butai: list[float] = []
    peer = Bare(stage)
    for number in range(ROUNDS):
        bare.append(timed(lambda n=number: peer.create(f"bare-{n}"), stage, f"bare-{number}"))  # type: ignore[misc]
        peer.destroy()
        name = f"own-{number}"
        # Waits as a person would: until everything is made, steady, and its URL answers.
        butai.append(timed(lambda n=name: stage.butai("env", "create", n), stage, name))  # type: ignore[misc]
        if number + 1 < ROUNDS:
            stage.butai("env", "destroy", name, "--confirm", name)
        print(f"round {number + 1}: bare {bare[-1]:.1f} s, butai {butai[-1]:.1f} s", file=sys.stderr)
    return bare, butai


def timed(work: Callable[[], None], stage: Stage, name: str) -> float:
    """Seconds from the start of the work until the environment's services are steady and its pages answer 200."""
    began = time.monotonic()
    work()
    while not (stage.answers(name) and stage.is_steady(name)):
        if time.monotonic() - began > 600:
            raise SystemExit(f"{name} never answered")
        time.sleep(0.1)
    return time.monotonic() - began


class Bare:
    """The same module and values by hand, with a state file beside it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._folder = stage.data.parent / "bare"
        self._engine = _engine()
        mirrors = find_mirrors(os.environ, home=Path.home())
        config = stage.data.parent / "bare.tfrc"
        config.write_text(cli_config(mirrors))
        given = engine_environment(stage.environ, extra={}, cli_config=config)
        self._environ = {name: value for name, value in given.items() if name not in COLLECTION}
        self._values = stage.data.parent / "bare.tfvars.json"

    def create(self, name: str) -> None:
        """init and apply, in a folder as after a fresh clone."""
        shutil.rmtree(self._folder, ignore_errors=True)
        source = self._stage.clone / "examples" / "ivr" / "infra" / "staging"
        shutil.copytree(source, self._folder)
        self._values.write_text(json.dumps(self._values_for(name)))
        for argv in (commands.init(self._engine), commands.apply(self._engine, [self._values])):
            self._run(argv)

    def destroy(self) -> None:
        """Everything away again."""
        self._run(commands.destroy(self._engine, [self._values]))

    def _run(self, argv: list[str]) -> None:
        subprocess.run(argv, cwd=self._folder, env=self._environ, check=True, stdout=subprocess.DEVNULL)

    def _values_for(self, name: str) -> dict[str, Any]:
        file = self._folder / "butai.yaml"
        blueprint = parse(file.read_text())
        repositories = self._stage.data / "repositories"
        images = {}
        for service in blueprint.services.values():
            repository = repositories / f"{Path(service.repository).name.removesuffix('.git')}.git"
            commit = subprocess.run(
                ["git", "-C", str(repository), "rev-parse", "main"], check=True, capture_output=True, text=True
            ).stdout.strip()
            images[service.variable] = service.image.format(commit=commit)
        own = {"environment": name, "listener_priority": 2000, "test_number": "050-5530-0199"}
        return {**blueprint.defaults, **images, **own}


def _engine() -> Engine:
    found = shutil.which("terraform") or shutil.which("tofu")
    if not found:
        raise SystemExit("No terraform and no tofu on PATH: this benchmark compares with the bare engine.")
    return probe(Path(found))


if __name__ == "__main__":
    sys.exit(main())
