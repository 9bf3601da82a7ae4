"""The two sides of `bench-engine`: bare Terraform, and Terraform with providers that runs share."""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from butai.datafolder import FolderLock
from butai.terraform.accelerator.client import HostClient
from butai.terraform.accelerator.protocol import words
from butai.terraform.environment import COLLECTION
from butai.terraform.packages import LOCK_FILE, PackageHashes, find_binary
from butai.terraform.providers import Requirement, cli_config, find_mirrors

MODULE = Path(__file__).parent / "engine_module.tf"
# Most teams put the environment's name into every tag: then no two environments configure the provider alike.
OWN_TAGS = """\
provider "aws" {
  default_tags {
    tags = {
      Environment = var.name
    }
  }
}
"""
SOURCE = "registry.terraform.io/hashicorp/aws"
LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class Figures:
    """What one measurement gave: seconds, and the highest sum of MB where it was looked at."""

    wall: float
    cpu: float
    rss: float = 0.0
    pss: float = 0.0

    def __str__(self) -> str:
        return f"wall {self.wall:7.2f} s  cpu {self.cpu:7.2f} s  rss {self.rss:6.0f} MB  pss {self.pss:6.0f} MB"

    @staticmethod
    def median(of: list[Figures]) -> dict[str, float]:
        """The median of each figure."""
        return {kind: round(statistics.median(asdict(each)[kind] for each in of), 3) for kind in asdict(of[0])}


class Side:
    """Environments below `folder`, run by terraform."""

    name = ""

    def __init__(self, folder: Path, endpoint: str, provider: str = OWN_TAGS) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.mirrors = find_mirrors(os.environ, home=Path.home())
        config = folder / "engine.tfrc"
        config.write_text(cli_config(self.mirrors))
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.environment = {
            **kept,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "ap-northeast-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "TF_CLI_CONFIG_FILE": str(config),
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }
        self.terraform = shutil.which("terraform") or "terraform"
        self.template = folder / "template"
        self.template.mkdir()
        shutil.copy(MODULE, self.template / "main.tf")
        (self.template / "provider.tf").write_text(provider)
        self._terraform(self.template, ["init", "-input=false"], {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing stays."""

    def run(self, names: list[str], command: str, image: str, *, watch: bool = False) -> Figures:
        """One command in all these environments at once."""
        for name in names:
            if not (self.folder / name).exists():
                shutil.copytree(self.template, self.folder / name, symlinks=True)
        with _watched(self.processes, watch) as seen:
            started, cpu = time.monotonic(), self.cpu()
            with ThreadPoolExecutor(len(names)) as pool:
                list(pool.map(lambda name: self._one(name, command, image), names))
            return Figures(time.monotonic() - started, self.cpu() - cpu, *seen())

    def _one(self, name: str, command: str, image: str) -> None:
        flags = [] if command == "plan" else ["-auto-approve"]
        variables = [f"-var=name={name}", f"-var=image={image}"]
        self.engine(name, [command, "-input=false", "-no-color", *flags, *variables])

    def engine(self, name: str, arguments: list[str]) -> None:
        """One engine's run in one environment."""
        self._terraform(self.folder / name, arguments, {})

    def cpu(self) -> float:
        """Seconds of all engines that ended, and their providers."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def processes(self) -> list[psutil.Process]:
        """Everything that counts, now."""
        engines = [each for each in _children(psutil.Process()) if "terraform" in _name(each)]
        return [*engines, *(each for engine in engines for each in _children(engine))]

    def _terraform(self, folder: Path, arguments: list[str], more: dict[str, str]) -> None:
        done = subprocess.run(
            [self.terraform, *arguments],
            cwd=folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"terraform {arguments[0]} in {folder.name}: {done.stderr[-1000:]}")


class Bare(Side):
    """Every engine starts its own provider."""

    name = "bare"


class Shared(Side):
    """Every run is let in at the provider host, as a worker does it."""

    name = "shared"

    def __init__(self, folder: Path, endpoint: str, provider: str = OWN_TAGS) -> None:
        super().__init__(folder, endpoint, provider)
        self._host = HostClient(folder / "providers")
        self._keeper = FolderLock(folder / "worker.lock")
        lock, hashes = (self.template / LOCK_FILE).read_text(), PackageHashes(folder / "packages.json")
        binary = find_binary(Requirement(SOURCE), lock, self.mirrors, hashes)
        assert binary is not None
        self._binary, self._names = binary, words([MODULE.read_text()])

    def __enter__(self) -> Self:
        self._keeper.take_soon()
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.release()
        self._host.end_when_unused()

    def engine(self, name: str, arguments: list[str]) -> None:
        root = self.folder / name
        run = FolderLock(root / "run.lock")
        run.take_soon()
        socket = self._host.let_in(
            name,
            self._binary,
            self.environment,
            root=root,
            names=self._names,
            until=run.path,
            keeper=self._keeper.path,
        )
        self._terraform(root, arguments, {**COLLECTION, "TF_REATTACH_PROVIDERS": json.dumps({SOURCE: socket})})
        run.release()

    def cpu(self) -> float:
        """With what the host and its providers used so far; those that have ended are in the host's account."""
        total = super().cpu()
        for each in self._helpers():
            with suppress(psutil.Error):
                used = each.cpu_times()
                total += used.user + used.system + used.children_user + used.children_system
        return total

    def processes(self) -> list[psutil.Process]:
        return [*super().processes(), *self._helpers()]

    def _helpers(self) -> list[psutil.Process]:
        status = self._host.status()
        if status is None:
            return []
        host = psutil.Process(status["pid"])
        return [host, *host.children()]


def _children(process: psutil.Process) -> list[psutil.Process]:
    """Those of a process that may just have ended."""
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


def _name(process: psutil.Process) -> str:
    """Empty of one that has just ended."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def _watched(processes: Any, watch: bool) -> Iterator[Any]:
    """A look at the memory of all processes, again and again; gives the highest sums."""
    stop, peaks = threading.Event(), [0.0, 0.0]

    def look() -> None:
        while not stop.wait(LOOK_EVERY_S):
            rss = pss = 0.0
            for each in processes():
                with suppress(psutil.Error):
                    memory = each.memory_full_info()
                    rss, pss = rss + memory.rss / 1e6, pss + memory.pss / 1e6
            peaks[:] = [max(peaks[0], rss), max(peaks[1], pss)]

    thread = threading.Thread(target=look, daemon=True)
    if watch:
        thread.start()
    try:
        yield lambda: peaks
    finally:
        stop.set()


@contextmanager
def cloud(folder: Path, delay_s: float, per_s: float) -> Iterator[str]:
    """The emulated AWS; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.engine_cloud", str(folder), str(delay_s), str(per_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(folder.parent / "cloud.log").open("ab"),
        text=True,
    )
    assert process.stdout is not None and process.stdin is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()
