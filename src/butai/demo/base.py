"""The team's shared base (network, load balancer, cluster): applied once with the engine, with a state of its own.

The demo plays the team here. Butai itself knows nothing of this root: `staging` finds it by its tags.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from butai.datafolder import write_json, write_private
from butai.errors import ButaiError
from butai.terraform import commands
from butai.terraform.engine import Engine
from butai.terraform.environment import engine_environment
from butai.terraform.events import parse
from butai.terraform.follow import Follower
from butai.terraform.progress import Progress
from butai.terraform.providers import Mirrors, cli_config
from butai.terraform.text import plain

LOOK_EVERY_S = 0.2
STOP_WAIT_S = 60.0
APPLIED = "applied"


class BaseFailedError(ButaiError):
    """The shared base could not be applied."""

    code = "base-failed"


class Base:
    """One folder: the root's files, the state, the engine's output."""

    def __init__(self, folder: Path, engine: Engine, mirrors: Mirrors, environ: Mapping[str, str]) -> None:
        self._folder, self._engine = folder, engine
        self._root = folder / "root"
        config = folder / "engine.tfrc"
        folder.mkdir(parents=True, exist_ok=True)
        write_private(config, cli_config(mirrors).encode())
        self._environ = engine_environment(environ, extra={}, cli_config=config)

    @property
    def applied(self) -> bool:
        """Whether it was applied to its end."""
        return (self._folder / APPLIED).exists()

    def apply(self, source: Path, listener_port: int, progress: Callable[[Progress], None]) -> None:
        """Copy the root's files and apply them; `progress` is called as it goes on."""
        self._root.mkdir(exist_ok=True)
        for file in source.glob("*.tf"):
            (self._root / file.name).write_bytes(file.read_bytes())
        values = self._folder / "values.tfvars.json"
        write_json(values, {"listener_port": listener_port})
        self._run("init", commands.init(self._engine), lambda _progress: None)
        self._run("apply", commands.apply(self._engine, [values]), progress)
        (self._folder / APPLIED).touch()

    def _run(self, name: str, argv: list[str], progress: Callable[[Progress], None]) -> None:
        output, errors = self._folder / f"{name}.jsonl", self._folder / f"{name}.err"
        output.unlink(missing_ok=True)
        with output.open("wb") as out, errors.open("wb") as err:
            # A session of its own: Ctrl-C reaches us, and we send one interrupt to the engine alone.
            process = subprocess.Popen(
                argv,
                cwd=self._root,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        try:
            self._follow(process, output, progress)
        except BaseException:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_WAIT_S)
            raise
        if process.returncode != 0:
            raise BaseFailedError(
                f"The shared base could not be applied ({name}).",
                why=_reason(output) or plain(errors.read_text(errors="replace")[-1000:]),
                next=f"The engine's whole output is in {self._folder}.",
            )

    def _follow(self, process: subprocess.Popen[bytes], output: Path, told: Callable[[Progress], None]) -> None:
        follower, progress = Follower(output), Progress()
        while True:
            ended = process.poll() is not None
            while lines := follower.read():
                for number, line in lines:
                    progress = progress.after(parse(number, line))
            told(progress)
            if ended:
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_EVERY_S)


def _reason(output: Path) -> str:
    events = [parse(number, line) for number, line in enumerate(output.read_text().splitlines(), 1)]
    errors = [event for event in events if event.severity == "error"]
    return f"{errors[-1].summary}\n{errors[-1].detail}".strip() if errors else ""


def cloud_environment(endpoint: str, region: str) -> dict[str, str]:
    """This process's environment, pointed at the local cloud: its endpoint, region, and keys that mean nothing."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and name != "TF_CLI_CONFIG_FILE"
    }
    return {
        **kept,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        # Nothing may look for credentials of a machine in EC2.
        "AWS_EC2_METADATA_DISABLED": "true",
    }
