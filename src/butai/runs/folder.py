"""The folder of one run: what the worker, the supervisor and the engine tell each other through files.

Files survive the death of any of the three, pipes do not. Each file has one writer:

    work.json    worker      what the supervisor has to do
    run.lock     supervisor  held (flock) as long as it lives: the one witness of its life
    engine.json  supervisor  pid and start time of the engine's process; before it is started, only that it will be
    *.jsonl      engine      its output, one file a step
    *.err        engine      its error output
    cancel       worker      a person asked to stop
    kill         worker      a person asked again, knowing what that costs
    end.json     supervisor  how the engine ended
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from butai.datafolder import is_held, write_json
from butai.runs.model import EngineEnd, Step

ENGINES_REATTACH = "TF_REATTACH_PROVIDERS"
"""Variable in which an engine is told the sockets of providers that it does not start itself."""
REATTACH = "BUTAI_REATTACH"
"""Variable in which a supervisor is told the sockets of providers that its engine shares with others."""

STATE_LEFT_BEHIND = "errored.tfstate"
# The name in an engine's environment that says whose run it is.
USER = "TF_HTTP_USERNAME"


@dataclass(frozen=True)
class Command:
    """One command of the engine: the step it belongs to and its argument list.

    `may_fail`: the commands after it are run however it ends. `goes_on`: the exit code after which they are run; any
    other ends the row, 0 as well.
    """

    step: Step
    argv: list[str]
    may_fail: bool = False
    goes_on: int = 0


@dataclass(frozen=True)
class Work:
    """What a supervisor does: these commands, one after the other, in `root`, on this environment's state.

    `fence`: the number of the claim under which all this happens; a state is written under it or not at all.

    `remote`: where the state lies and as whom it is reached, when the engine writes it to the team's own bucket.

    `init_lock`: a file to lock while `init` runs, where providers are fetched into a cache that engines cannot share.

    `stateless`: no command reads, writes or locks the state, so that none is served.
    """

    run_id: int
    environment_id: int
    root: str
    commands: list[Command]
    init_lock: str = ""
    fence: int = 0
    remote: dict[str, Any] = field(default_factory=dict)
    stateless: bool = False

    @property
    def steps(self) -> set[Step]:
        """The steps that it has."""
        return {command.step for command in self.commands}


class RunFolder:
    """Typed access to the files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def tree(self) -> Path:
        """The exported tree of the commit."""
        return self.path / "tree"

    @property
    def lock_path(self) -> Path:
        """Locked by the supervisor for its whole life."""
        return self.path / "run.lock"

    def output(self, step: Step) -> Path:
        """The engine's output of a step."""
        return self.path / f"{step}.jsonl"

    def errors(self, step: Step) -> Path:
        """The engine's error output of a step."""
        return self.path / f"{step}.err"

    def write_work(self, work: Work) -> None:
        """Say what is to be done. Secrets do not belong here: they travel in the supervisor's environment."""
        write_json(self.path / "work.json", asdict(work))

    def forget_work(self) -> None:
        """Nobody was started for it, and nobody shall be."""
        (self.path / "work.json").unlink()

    def read_work(self) -> Work:
        """What is to be done."""
        raw = json.loads((self.path / "work.json").read_text())
        commands = [Command(**{**each, "step": Step(each["step"])}) for each in raw.pop("commands")]
        return Work(commands=commands, **raw)

    @property
    def step_reached(self) -> Step:
        """The step of the last command that was started; the first step while none was."""
        steps = [command.step for command in self.read_work().commands]
        return next((step for step in reversed(steps) if self.output(step).exists()), steps[0])

    @property
    def was_begun(self) -> bool:
        """Whether a supervisor was ever asked to work here."""
        return (self.path / "work.json").exists()

    def ask_cancel(self) -> None:
        """Ask the supervisor to interrupt the engine."""
        (self.path / "cancel").touch()

    @property
    def cancel_asked(self) -> bool:
        """Whether somebody asked to stop."""
        return (self.path / "cancel").exists()

    def ask_kill(self) -> None:
        """Ask for the engine's own hard stop, a second interrupt."""
        (self.path / "kill").touch()

    @property
    def kill_asked(self) -> bool:
        """Whether somebody asked for the hard stop."""
        return (self.path / "kill").exists()

    @property
    def engine_was_started(self) -> bool:
        """Whether an engine's process ever was, or was about to be."""
        return (self.path / "engine.json").exists()

    def write_engine_intent(self) -> None:
        """Record that an engine is about to be started: whoever starts it may die before its number is written down."""
        write_json(self.path / "engine.json", {"pid": None})

    def write_engine(self, pid: int) -> None:
        """Record the engine's process before anything depends on it."""
        write_json(self.path / "engine.json", {"pid": pid, "started": psutil.Process(pid).create_time()})

    def living_engine(self) -> psutil.Process | None:
        """The engine's process while it lives. A recycled pid has another start time and does not count."""
        recorded = _read(self.path / "engine.json")
        if recorded and recorded["pid"] is None:
            return self._unrecorded_engine()
        try:
            process = psutil.Process(recorded["pid"]) if recorded else None
            if process and process.create_time() == recorded["started"] and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except psutil.NoSuchProcess:
            pass
        return None

    def _unrecorded_engine(self) -> psutil.Process | None:
        """An engine whose number nobody wrote down: known by its folder, its session and its environment.

        A child that is not the engine yet still has the supervisor's lock on this folder.
        """
        work = self.read_work()
        for process in psutil.process_iter():
            try:
                here = process.cwd() == os.path.realpath(work.root) and os.getsid(process.pid) == process.pid
                if here and process.environ().get(USER) == user_of(work.run_id):
                    return process
            except (psutil.Error, OSError):
                # Somebody else's, or gone meanwhile.
                continue
        return None

    def write_end(self, end: EngineEnd) -> None:
        """Record how the engine ended."""
        write_json(self.path / "end.json", asdict(end))

    def read_end(self) -> EngineEnd | None:
        """How the engine ended; none while that has not been seen."""
        raw = _read(self.path / "end.json")
        return EngineEnd(**{**raw, "step": Step(raw["step"])}) if raw else None

    def states_left_behind(self) -> list[Path]:
        """State documents that an engine could not write anywhere else."""
        root = Path(self.read_work().root) if self.was_begun else self.path
        return [path / STATE_LEFT_BEHIND for path in {self.path: 1, root: 1} if (path / STATE_LEFT_BEHIND).exists()]

    def supervised(self) -> bool:
        """Whether a supervisor lives."""
        return is_held(self.lock_path)


def user_of(run_id: int) -> str:
    """As whom a run's engine asks for its state."""
    return f"run-{run_id}"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
