"""The git repositories that stand behind images: found by an image's name, read by git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import IO


def find(folder: Path, name: str) -> Path | None:
    """The repository `<name>.git` or `<name>` in the folder; None when there is none."""
    for candidate in (folder / f"{name}.git", folder / name):
        if (candidate / "HEAD").exists() or (candidate / ".git").exists():
            return candidate
    return None


def git(
    repository: Path,
    *arguments: str,
    timeout_s: float,
    output: IO[bytes] | int = subprocess.PIPE,
    check: bool = False,
) -> subprocess.CompletedProcess[bytes]:
    """Run git there. Raises OSError, subprocess.TimeoutExpired, and with `check` CalledProcessError."""
    # Without git's own variables: GIT_DIR and the like would win over the folder named here.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", "-C", str(repository), *arguments],
        stdout=output,
        stderr=subprocess.PIPE,
        env=env,
        timeout=timeout_s,
        check=check,
    )
