"""A team whose root needs no provider: everything of Butai but AWS, in seconds."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from butai.settings import Settings
from support.preloaded import Preloaded, run
from support.repository import WorkingTree

YAML = """\
version: 1
name: tiny
region: us-east-1
environment_variable: environment
services:
  web:
    repository: ../web
    variable: web_image
    image: "registry.example/web:{commit}"
    ecs_service: output.web_service
leases:
  port: {variable: port, range: {from: 1, to: 4}}
  number: {variable: number, list: ["050-1", "050-2", "050-3", "050-4"]}
  subdomain: {subdomain: example.localhost}
defaults: {sleep_s: 0}
secrets: {token: "env:TINY_TOKEN"}
"""

ROOT = """\
variable "environment" { type = string }
variable "web_image" { type = string }
variable "port" { type = number }
variable "number" { type = string }
variable "sleep_s" { type = number }
variable "exit_code" {
  type    = number
  default = 0
}
variable "token" {
  type      = string
  sensitive = true
}

resource "terraform_data" "image" {
  input = var.web_image
}

resource "terraform_data" "slow" {
  triggers_replace = [var.sleep_s, var.exit_code, var.web_image]
  depends_on       = [terraform_data.image]
  provisioner "local-exec" {
    command = "sleep ${var.sleep_s}; exit ${var.exit_code}"
  }
}

output "web_service" { value = "web" }
output "image" { value = terraform_data.image.output }
output "number" { value = var.number }
output "secret" {
  value     = "${var.environment}-${var.token}"
  sensitive = true
}
"""

TOKEN = "only-the-worker-knows"


class TinyTeam:
    """Repositories `infra` (the blueprint) and `web` (a service with a branch `blue`)."""

    def __init__(self, folder: Path, *, yaml: str = YAML, root: str = ROOT) -> None:
        self.web = WorkingTree(folder / "web")
        self.main_commit = self.web.commit({"index.html": "white"}, "First page")
        self.web.branch("blue")
        self.blue_commit = self.web.commit({"index.html": "blue"}, "A blue page", author="Ken")
        self.web.git("switch", "--quiet", "main")
        self.infra = WorkingTree(folder / "infra")
        self.infra.commit({"staging/butai.yaml": yaml, "staging/main.tf": root}, "The staging root")


class Worker:
    """`butai worker` as a process. `popen`: how it is started; benchmarks take `subprocess.Popen`.

    `aws`: with what this process's environment holds of AWS.
    """

    def __init__(
        self, settings: Settings, log: Path, popen: type[subprocess.Popen[Any]] = Preloaded, *, aws: bool = False
    ) -> None:
        self._settings, self.log, self._popen = settings, log, popen
        self._kept_out = ("BUTAI_",) if aws else ("BUTAI_", "AWS_")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str) -> None:
        """Start it; it takes runs as soon as it is up."""
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(self._kept_out)},
            "BUTAI_DATA": str(self._settings.data),
            "BUTAI_DATABASE": self._settings.database,
            "BUTAI_CONCURRENCY": str(self._settings.concurrency),
            "BUTAI_SECRET_TINY_TOKEN": TOKEN,
        }
        with self.log.open("ab") as log:
            argv = [sys.executable, "-m", "butai", "worker", *flags]
            self.process = self._popen(argv, env=env, stdout=log, stderr=log, start_new_session=True)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with a signal; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)


class Server:
    """`butai serve` as a process, and `butai` commands that talk to it. `popen`: how it is started."""

    def __init__(
        self, settings: Settings, log: Path, *, aws: bool = False, popen: type[subprocess.Popen[Any]] = Preloaded
    ) -> None:
        self.settings, self.log, self.aws, self._popen = settings, log, aws, popen
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def env(self) -> dict[str, str]:
        """The environment of the server and of every command; what it holds of AWS only where that was asked for."""
        kept_out = ("BUTAI_",) if self.aws else ("BUTAI_", "AWS_")
        own = {name: value for name, value in os.environ.items() if not name.startswith(kept_out)}
        return {**own, "BUTAI_DATA": str(self.settings.data), "BUTAI_DATABASE": self.settings.database}

    def start(self, *flags: str) -> None:
        """Start it on a free port and wait until it answers."""
        with self.log.open("ab") as log:
            argv = [sys.executable, "-m", "butai", "serve", "--port", "0", *flags]
            self.process = self._popen(argv, env=self.env, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 30
        while self.butai("env", "list").returncode != 0:
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)

    @property
    def address(self) -> str:
        """The address with the one-time key that it printed."""
        found = re.findall(r"http://\S+", self.log.read_text())
        return str(found[-1])

    def butai(self, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line."""
        return run([sys.executable, "-m", "butai", *argv], env={**self.env, **env})

    def begun(self, *argv: str) -> subprocess.Popen[str]:
        """A command that goes on for a while."""
        return Preloaded(
            [sys.executable, "-m", "butai", *argv],
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with a signal; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)
