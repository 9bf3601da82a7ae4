"""A root on the plain way and on the fast one: the real engine and the real provider, alone or behind the host."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from butai.datafolder import FolderLock
from butai.runs.folder import ENGINES_REATTACH
from butai.terraform.accelerator.client import HostClient
from butai.terraform.accelerator.protocol import words
from butai.terraform.packages import PackageHashes, ProviderBinary, find_binary
from butai.terraform.providers import Requirement, find_mirrors
from support.engine import Engine

AWS = "registry.terraform.io/hashicorp/aws"
_TIMEOUT_S, _END_S = 120, 20
_RUNS = count(1)


@cache
def aws_provider() -> ProviderBinary:
    """This machine's AWS provider."""
    mirrors = find_mirrors(os.environ, home=Path.home())
    found = find_binary(Requirement(AWS, "5.100.0"), "", mirrors, PackageHashes())
    assert found, "These tests need hashicorp/aws 5.100.0 in a mirror."
    return found


def address_of(sockets: Mapping[str, str]) -> str:
    """The socket in what a run's environment gets."""
    return str(json.loads(sockets[ENGINES_REATTACH])[AWS]["Addr"]["String"])


class Host:
    """A provider host with a worker that needs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.client = HostClient(folder / "providers")
        self._worker = FolderLock(folder / "worker.lock")
        assert self._worker.try_take()

    @contextmanager
    def let_in(self, root: Path, env: Mapping[str, str], *, trim: bool = True) -> Iterator[dict[str, str]]:
        """What the engine's environment gets for one run."""
        run = next(_RUNS)
        lock = FolderLock(self.folder / f"run-{run}.lock")
        assert lock.try_take()
        texts = [each.read_text() for each in root.rglob("*.tf")]
        kept = root / "terraform.tfstate"
        try:
            entry = self.client.let_in(
                str(run),
                aws_provider(),
                env,
                root=root,
                names=words([*texts, kept.read_text() if kept.exists() else ""]) if trim else None,
                until=lock.path,
                keeper=self._worker.path,
            )
            yield {ENGINES_REATTACH: json.dumps({AWS: entry})}
        finally:
            lock.release()

    def close(self) -> None:
        """End it, whatever it waits for."""
        self._worker.release()
        status = self.client.status()
        if status is not None:
            os.kill(status["pid"], signal.SIGTERM)
        deadline = time.monotonic() + _END_S
        while self.client.status() is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        self.client.crashed_lately()


class Way:
    """A root in `folder`, whose runs share the providers of `host`, or have their own."""

    def __init__(self, folder: Path, env: Mapping[str, str], host: Host | None) -> None:
        self.engine, self.host = Engine(folder, env), host
        self.folder = folder

    @contextmanager
    def begun(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """An engine that runs; its output in `out`."""
        with self._environment() as env, (self.folder / "out").open("w") as out:
            process = subprocess.Popen(
                ["terraform", *arguments], cwd=self.folder, env=env, stdout=out, stderr=out, text=True
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code, and output and errors together."""
        with self.begun(*arguments) as process:
            code = process.wait(_TIMEOUT_S)
        return code, self.said()

    def said(self) -> str:
        """What the engine said so far."""
        return (self.folder / "out").read_text()

    def done(self, *arguments: str) -> str:
        """The output of a run that succeeds."""
        code, said = self.run(*arguments)
        assert code == 0, said
        return said

    def state(self) -> Any:
        """The state's document."""
        path = self.folder / "terraform.tfstate"
        return json.loads(path.read_text()) if path.exists() else None

    @contextmanager
    def _environment(self) -> Iterator[dict[str, str]]:
        if self.host is None:
            yield self.engine.env
            return
        with self.host.let_in(self.folder, self.engine.env) as sockets:
            yield {**self.engine.env, **sockets}
