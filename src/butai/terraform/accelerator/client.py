"""Asking the provider host for a run's socket; the host is started when there is none."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from butai.datafolder import FolderLock, is_held
from butai.terraform.accelerator import crashes
from butai.terraform.packages import ProviderBinary

START_S = 15.0
LAST_RUN_S = 3.0
ANSWER_S = 75.0
LOOK_EVERY_S = 0.05


class HostError(Exception):
    """The provider host does not do what it should; the message says what."""


class HostClient:
    """The provider host of this machine that keeps its things in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def let_in(
        self,
        run: str,
        binary: ProviderBinary,
        environment: Mapping[str, str],
        *,
        root: Path,
        names: Iterable[str] | None,
        until: Path,
        keeper: Path,
    ) -> dict[str, Any]:
        """A socket for one provider of a run, as an entry of TF_REATTACH_PROVIDERS. Raises HostError.

        `names`: what its configuration and state name, none for the whole schema. The socket is there as long as `until`
        is locked; the host as long as `keeper` is.
        """
        self._start_if_none()
        told = {
            "do": "let-in",
            "run": run,
            "binary": {**asdict(binary), "path": str(binary.path)},
            "environment": dict(environment),
            "root": str(root),
            "names": None if names is None else sorted(names),
            "until": str(until),
            "keeper": str(keeper),
        }
        answer = self.ask(told)
        return {
            "Protocol": "grpc",
            "ProtocolVersion": answer["protocol"],
            "Pid": answer["pid"],
            "Test": True,
            "Addr": {"Network": "unix", "String": answer["address"]},
        }

    def crashed_lately(self) -> bool:
        """Whether a host or a provider ended by itself before one of the last few runs; each run asks this once."""
        if (self._folder / "host.json").exists():
            lock = FolderLock(self._folder / "host.lock")
            if lock.try_take():
                crashes.clear(self._folder)
            lock.release()
        return crashes.lately(self._folder)

    def status(self) -> dict[str, Any] | None:
        """What the host keeps; none where there is no host."""
        try:
            return self.ask({"do": "status"})
        except HostError:
            return None

    def end_when_unused(self) -> None:
        """The caller goes; the host ends now, or with its last run."""
        try:
            self.ask({"do": "end"})
        except HostError:
            return
        begun = time.monotonic()
        while is_held(self._folder / "host.lock"):
            # A run that is just over is noticed a moment later; one that goes on is not waited for.
            patience_s = LAST_RUN_S if (self.status() or {}).get("runs") else START_S
            if time.monotonic() - begun > patience_s:
                return
            time.sleep(LOOK_EVERY_S)

    def ask(self, what: Mapping[str, Any]) -> dict[str, Any]:
        """One question, one answer. Raises HostError."""
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(ANSWER_S)
                line.connect(str(self._control()))
                line.sendall(json.dumps(what).encode() + b"\n")
                with line.makefile("rb") as answers:
                    answer: dict[str, Any] = json.loads(answers.readline())
        except (OSError, ValueError, LookupError) as error:
            raise HostError(f"{type(error).__name__}: {error}") from error
        if "error" in answer:
            raise HostError(answer["error"])
        return answer

    def _control(self) -> Path:
        return Path(json.loads((self._folder / "host.json").read_text())["sockets"]) / "control"

    def _start_if_none(self) -> None:
        if self.status() is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / "host.log").open("ab") as log:
            # A second one that starts meanwhile ends by itself.
            subprocess.Popen(
                [sys.executable, "-m", "butai.terraform.accelerator.host", str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={
                    name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_", "BUTAI_"))
                },
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while self.status() is None:
            if time.monotonic() > deadline:
                raise HostError("it did not start; its words are in host.log")
            time.sleep(LOOK_EVERY_S)
