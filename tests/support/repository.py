"""Real git repositories for tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

# Nobody's own settings (signing, hooks, templates, default branch) may change what a test sees.
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_COMMITTER_NAME": "Committer",
    "GIT_COMMITTER_EMAIL": "committer@example.com",
    "LC_ALL": "C",
}


class WorkingTree:
    """A repository with a working tree in `path`, on branch `main`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seconds = 1_790_000_000
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, **extra: str) -> str:
        """Run git here and give its output."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env={**ENVIRONMENT, **extra}, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def commit(
        self,
        files: Mapping[str, str | bytes],
        message: str = "Change",
        author: str = "Aiko",
        *,
        mail: str = "author@example.com",
        after_s: int = 60,
    ) -> str:
        """Write files, commit everything, one minute after the commit before; gives the commit's hash."""
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        self._seconds += after_s
        when = f"{self._seconds} +0900"
        self.git("add", "--all")
        self.git(
            "commit",
            "--quiet",
            "--allow-empty",
            f"--message={message}",
            GIT_AUTHOR_NAME=author,
            GIT_AUTHOR_EMAIL=mail,
            GIT_AUTHOR_DATE=when,
            GIT_COMMITTER_DATE=when,
        )
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str) -> None:
        """Make a branch here and go to it."""
        self.git("switch", "--quiet", "--create", name)
