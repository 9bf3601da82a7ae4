"""Child processes that never outlive their keeper unseen: each one is on disk before it may run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from butai.datafolder import write_json
from butai.errors import MissingPartError

# A child first waits for one byte: it comes only after the child's record is on disk. A keeper killed in between closes
# the pipe, and the child ends without ever having run the command. Python is used because a shell would drop variables
# whose names it cannot spell; Python's own "ignore SIGPIPE" must not reach the command.
_GATE = """\
import os, signal, sys
if not os.read(0, 1):
    os._exit(125)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
for name in ("SIGPIPE", "SIGXFSZ"):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
try:
    os.execvp(sys.argv[1], sys.argv[1:])
except OSError as error:
    os.write(2, f"cannot run {sys.argv[1]}: {error.strerror}\\n".encode())
    os._exit(126)
"""

# The boot time that start times are reckoned from may be corrected while the machine runs. No pid comes round again
# within this time.
_START_TOLERANCE_S = 2.0
_POLL_S = 0.02
LEFTOVER_GRACE_S = 5.0


@dataclass(frozen=True)
class ChildRecord:
    """What is kept on disk about a child: enough to find exactly this process again and no other."""

    name: str
    pid: int
    started: float  # seconds since 1970, as psutil tells it

    def lives(self) -> bool:
        """Whether this very process (not a later one with its pid) still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _START_TOLERANCE_S
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


@dataclass
class Child:
    """One running (or ended) child with the process group that it leads."""

    name: str
    process: subprocess.Popen[bytes]
    record: Path
    _ended: bool = field(default=False, repr=False)

    @property
    def pid(self) -> int:
        """The process id, which is the id of its process group and session too."""
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status; minus the signal's number when a signal ended it; None while it runs."""
        return self.process.poll()

    def alive(self) -> bool:
        """Whether the child runs. When it is seen ended, what it left in its group is ended too."""
        if self.process.poll() is None:
            return True
        self._bury()
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole process group."""
        _signal_group(self.pid, number)

    def stop(self, timeout_s: float) -> int:
        """SIGTERM to the group, SIGKILL to what still lives after `timeout_s` seconds; the exit status."""
        if self.alive():
            self.signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout_s)
        self._bury()
        return self.process.wait()

    def _bury(self) -> None:
        # Once only: after that the number may belong to someone else's group.
        if self._ended:
            return
        self._ended = True
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.record.unlink(missing_ok=True)


class Children:
    """Starts children and keeps one record a child in `folder` (one keeper a folder).

    `end_leftovers` must be called before the first `start`: it ends what a killed keeper left behind.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> Child:
        """Start a command in a session of its own, with exactly `env`; output is appended to the file `log`.

        Raises MissingPartError when the command is not found on `env`'s PATH, OSError when the system refuses.
        """
        command = [_resolve(argv[0], env, cwd), *argv[1:]]
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _GATE, *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        child = Child(name, process, self.folder / f"{process.pid}.json")
        try:
            self._remember(child)
            self._open_gate(process)
        except BaseException:
            child.stop(0)
            raise
        return child

    def end_leftovers(self, grace_s: float = LEFTOVER_GRACE_S) -> list[ChildRecord]:
        """End every recorded child that still lives (SIGTERM, `grace_s`, SIGKILL to its group); those it found."""
        records = {path: _read(path) for path in sorted(self.folder.glob("*.json"))}
        living = [record for record in records.values() if record is not None and record.lives()]
        _end_groups([record.pid for record in living], grace_s)
        for path in records:
            path.unlink(missing_ok=True)
        return living

    def _remember(self, child: Child) -> None:
        record = ChildRecord(child.name, child.pid, psutil.Process(child.pid).create_time())
        write_json(child.record, asdict(record))

    @staticmethod
    def _open_gate(process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as gate:
            gate.write(b"+")


def stop_all(children: Iterable[Child], timeout_s: float) -> None:
    """Stop children side by side: one grace time for all of them, not one each."""
    living = [child for child in children if child.alive()]
    for child in living:
        child.signal(signal.SIGTERM)
    until = time.monotonic() + timeout_s
    while time.monotonic() < until and any(child.process.poll() is None for child in living):
        time.sleep(_POLL_S)
    for child in living:
        child.stop(0)


def _resolve(command: str, env: Mapping[str, str], cwd: Path) -> str:
    local = cwd / command
    found = str(local) if "/" in command and local.exists() else shutil.which(command, path=env.get("PATH", os.defpath))
    if found is None:
        raise MissingPartError(
            f"the command `{command}` was not found",
            why=f"It is neither in {cwd} nor on the PATH {env.get('PATH', os.defpath)}.",
            next="Install it, or change the command.",
        )
    return found


def _read(path: Path) -> ChildRecord | None:
    try:
        return ChildRecord(**json.loads(path.read_text()))
    except (ValueError, TypeError, FileNotFoundError):
        return None  # only whole files are renamed into place, so this is not one of ours


def _end_groups(pids: list[int], grace_s: float) -> None:
    for pid in pids:
        _signal_group(pid, signal.SIGTERM)
    until = time.monotonic() + grace_s
    while (pids := [pid for pid in pids if _group_lives(pid)]) and time.monotonic() < until:
        time.sleep(_POLL_S)
    for pid in pids:
        _signal_group(pid, signal.SIGKILL)
    until = time.monotonic() + LEFTOVER_GRACE_S  # SIGKILL works at once, unless the kernel holds the process
    while any(_group_lives(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(_POLL_S)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _group_lives(pid: int) -> bool:
    """Whether a group has a member that is more than a zombie (in a container nobody may reap those)."""
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return any(_is_living_member(process, pid) for process in psutil.process_iter())


def _is_living_member(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ProcessLookupError):
        return False
