"""Starting a supervisor from a worker."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from butai.runs.folder import RunFolder
from butai.runs.supervisor import DATABASE, STATE_KEY


def spawn(folder: RunFolder, environment: Mapping[str, str], database_url: str, state_key: Path) -> None:
    """Start a supervisor that outlives this process. Its words go to a file beside the engine's."""
    own = {DATABASE: database_url, STATE_KEY: str(state_key)}
    with (folder.path / "supervisor.err").open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "butai.runs.supervisor", str(folder.path)],
            env={**environment, **own},
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
