"""A real engine and a tiny root that needs no provider."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from butai.terraform import commands
from butai.terraform.engine import Engine, probe
from butai.terraform.environment import engine_environment
from butai.terraform.providers import Mirrors, cli_config

ROOT = """
variable "environment" {
  type = string
}
variable "exit_code" {
  type    = number
  default = 0
}
resource "terraform_data" "first" {
  input = "name-${var.environment}"
}
resource "terraform_data" "second" {
  triggers_replace = [var.exit_code]
  depends_on       = [terraform_data.first]
  provisioner "local-exec" {
    command = "echo said; exit ${var.exit_code}"
  }
}
output "address" {
  value = "http://${var.environment}.localhost"
}
output "password" {
  value     = "hunter2-${var.environment}"
  sensitive = true
}
"""


@pytest.fixture(scope="session")
def engine() -> Engine:
    found = shutil.which("terraform") or shutil.which("tofu")
    assert found, "These tests need terraform or tofu on PATH."
    return probe(Path(found))


class TinyRoot:
    """A root in its own folder and a way to run the engine there; `lines` gives its output."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder, self.engine = folder, engine
        (folder / "main.tf").write_text(ROOT)
        config = folder / "engine.tfrc"
        config.write_text(cli_config(Mirrors()))
        self.env = engine_environment(os.environ, extra={}, cli_config=config)

    def run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False, timeout=60
        )

    def lines(self, argv: list[str]) -> list[str]:
        return self.run(argv).stdout.splitlines()

    def values(self, **values: object) -> list[Path]:
        path = self.folder / "values.tfvars.json"
        path.write_text(json.dumps(values))
        return [path]


@pytest.fixture
def tiny(tmp_path: Path, engine: Engine) -> TinyRoot:
    root = TinyRoot(tmp_path, engine)
    assert root.run(commands.init(engine)).returncode == 0
    return root
