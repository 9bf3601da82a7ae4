"""The `git` program: where it is, and its end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

from butai.errors import MissingPartError
from butai.text import text


def program() -> str:
    """Its path. Raises MissingPartError."""
    found = shutil.which("git")
    if found is None:
        raise MissingPartError(
            text("Git is not installed."), next=text("Install git 2.30 or newer."), code="git-missing"
        )
    return found


def end(process: subprocess.Popen[bytes]) -> None:
    """End git and whatever it started, if it still runs, and close its pipes. It must lead a session of its own."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()
