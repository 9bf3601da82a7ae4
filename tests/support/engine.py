"""Real terraform with the machine's provider mirrors: init, apply, plan, destroy of a root module in a folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from butai.terraform.environment import COLLECTION
from butai.terraform.providers import cli_config, find_mirrors

_TIMEOUT_S = 240
Around = Callable[[], AbstractContextManager[Mapping[str, str] | None]]


@cache
def provider_config() -> str:
    """The CLI configuration with this machine's mirrors, found as the product finds them; a look takes a moment."""
    return cli_config(find_mirrors(os.environ, home=Path.home()))


class Engine:
    """terraform in `folder`, with the mirrors and the given variables as its whole environment.

    `around`: what each command but `init` runs in, and what its environment gets from there.
    """

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.around: Around = nullcontext
        folder.mkdir(parents=True, exist_ok=True)
        self._plan = folder / "check.tfplan"
        config = folder / "engine.tfrc"
        config.write_text(provider_config())
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self.env = {
            **kept,
            **COLLECTION,
            **env,
            "TF_CLI_CONFIG_FILE": str(config),
            "TF_IN_AUTOMATION": "1",
        }

    def write(self, main_tf: str) -> None:
        """Replace the root module's only file."""
        (self.folder / "main.tf").write_text(main_tf)

    def init(self) -> None:
        """`terraform init`."""
        self._run("init", "-input=false", "-no-color")

    def init_like(self, other: Engine) -> None:
        """Take over what another folder's `init` made: half a second instead of several. (No modules.)"""
        shutil.copytree(other.folder / ".terraform", self.folder / ".terraform", symlinks=True)
        shutil.copy(other.folder / ".terraform.lock.hcl", self.folder)

    def validate(self) -> None:
        """`terraform validate`; fails the test with the engine's own words."""
        self._run("validate", "-no-color")

    def apply(self, **variables: str) -> None:
        """`terraform apply` without questions; fails the test with the engine's own words."""
        self._run("apply", "-auto-approve", *_FLAGS, *_given(variables))

    def changes(self, **variables: str) -> dict[str, list[str]]:
        """What a plan would do: address of each changed resource or output, and the actions. Empty: nothing."""
        arguments = ("plan", "-detailed-exitcode", f"-out={self._plan}", *_FLAGS, *_given(variables))
        if self._ask(*arguments, allowed=(0, 2)).returncode == 0:
            return {}
        shown: dict[str, Any] = json.loads(self._run("show", "-json", str(self._plan)))
        every = {change["address"]: change["change"] for change in shown.get("resource_changes", [])}
        every |= {f"output.{name}": change for name, change in shown.get("output_changes", {}).items()}
        quiet = (["no-op"], ["read"])
        return {
            address: [*change["actions"], *_differing(change)]
            for address, change in every.items()
            if change["actions"] not in quiet
        }

    def apply_what_was_planned(self) -> None:
        """`terraform apply` of the plan that `changes` made."""
        self._run("apply", "-input=false", "-no-color", str(self._plan))

    def generate(self) -> str:
        """The code that `terraform plan -generate-config-out` writes for import blocks; often it does not like it itself."""
        file = self.folder / "generated.tf"
        self._ask("plan", f"-generate-config-out={file}", *_FLAGS, allowed=(0, 1))
        return file.read_text()

    def destroy(self, **variables: str) -> None:
        """`terraform destroy` without questions."""
        self._run("destroy", "-auto-approve", *_FLAGS, *_given(variables))

    def resources(self) -> list[str]:
        """Addresses in the state, data sources left out."""
        listed = self._run("state", "list", allowed=(0, 1)).splitlines()
        return [address for address in listed if not address.startswith("data.")]

    def outputs(self) -> dict[str, Any]:
        """Values of the outputs."""
        shown: dict[str, Any] = json.loads(self._run("output", "-json"))
        return {name: output["value"] for name, output in shown.items()}

    def _run(self, *arguments: str, allowed: tuple[int, ...] = (0,)) -> str:
        return self._ask(*arguments, allowed=allowed).stdout

    def _ask(self, *arguments: str, allowed: tuple[int, ...]) -> subprocess.CompletedProcess[str]:
        with self.around() if arguments[0] != "init" else nullcontext() as more:
            done = subprocess.run(
                ["terraform", *arguments],
                cwd=self.folder,
                env={**self.env, **(more or {})},
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        assert done.returncode in allowed, f"terraform {arguments[0]}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


_FLAGS = ("-input=false", "-no-color", "-lock=false", "-compact-warnings")


def _given(variables: Mapping[str, str]) -> list[str]:
    return [f"-var={name}={value}" for name, value in variables.items()]


def _differing(change: Mapping[str, Any]) -> list[str]:
    before, after = change.get("before"), change.get("after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    return [f"{key}: {before.get(key)} -> {after.get(key)}" for key in after if before.get(key) != after.get(key)]
