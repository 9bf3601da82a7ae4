"""Starting a run's supervisor, which outlives the worker that starts it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping

from butai.runs.folder import RunFolder

# Its words, beside the engine's.
ERRORS = "supervisor.err"
# Starts a supervisor for a folder, with the whole of its environment.
Spawn = Callable[[RunFolder, Mapping[str, str]], None]


def spawn(folder: RunFolder, environment: Mapping[str, str]) -> None:
    """Start a supervisor that outlives this process. `environment` is the whole of its own."""
    with (folder.path / ERRORS).open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "butai.runs.supervisor", str(folder.path)],
            env=dict(environment),
            cwd=folder.path,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
        )
    _reap_later(process)


def _reap_later(process: subprocess.Popen[bytes]) -> None:
    """Collect the supervisor's exit status, so that a long-lived worker keeps no zombies."""
    threading.Thread(target=process.wait, daemon=True).start()
