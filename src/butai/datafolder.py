"""The folder in which Butai keeps everything, and the locks and keys in it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

from butai.errors import MissingPartError, RefusedError

LOOKS, LOOK_S = 10, 0.05


class FolderLock:
    """An exclusive lock on a file, held until the process ends or `release` is called.

    The kernel gives it back on any death, kill -9 too, so a lock never outlives its holder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = path.open("a+")  # it stays open as long as the lock is held

    def try_take(self) -> bool:
        """Take it without waiting; false when somebody holds it."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        # Who holds it is only told to people; on a full disk the lock stands all the same.
        with contextlib.suppress(OSError):
            os.ftruncate(self._handle.fileno(), 0)
            os.write(self._handle.fileno(), str(os.getpid()).encode())
        return True

    def take_soon(self, looks: int = LOOKS) -> bool:
        """Take it within half a second: somebody who only looks whether it is held has it for a moment."""
        for _ in range(looks):
            if self.try_take():
                return True
            time.sleep(LOOK_S)
        return False

    def holder(self) -> str:
        """Process id that the present holder wrote, or an empty text."""
        self._handle.seek(0)
        return self._handle.read().strip()

    def release(self) -> None:
        """Give the lock back."""
        self._handle.close()


def is_held(path: Path) -> bool:
    """Whether a process holds the lock in this file; nobody does where there is none. Many may look at once."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


class DataFolder:
    """Paths below the data folder. Made on first use, for the user alone (0700)."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise MissingPartError(
                f"The data folder {self.path} cannot be made.",
                why=error.strerror or str(error),
                next="Name another with `--data FOLDER` or `BUTAI_DATA`.",
                code="data-folder",
            ) from error

    @property
    def state_key(self) -> Path:
        """Key that encrypts states at rest."""
        return self.path / "state.key"

    @property
    def cli_key(self) -> Path:
        """Key with which the command line signs in at the server."""
        return self.path / "cli.key"

    @property
    def server_file(self) -> Path:
        """Where the running server writes its address."""
        return self.path / "server.json"

    @property
    def git(self) -> Path:
        """Mirror clones of the repositories."""
        return self._made("git")

    @property
    def history(self) -> Path:
        """What git's history of repositories was read to say."""
        return self._made("history")

    @property
    def providers(self) -> Path:
        """What the provider host keeps; made by it."""
        return self.path / "providers"

    def run(self, run_id: int) -> Path:
        """The folder of one run: the exported tree, the engine's output, its witnesses."""
        return self._made("runs") / str(run_id)

    @property
    def prepared(self) -> Path:
        """What `init` made, kept for later runs."""
        return self._made("prepared")

    def lock(self, name: str) -> FolderLock:
        """A lock of this folder, taken; refused when another process holds it."""
        lock = FolderLock(self.path / f"{name}.lock")
        if not lock.take_soon():
            holder = lock.holder()
            lock.release()
            raise RefusedError(
                f"A {name} already works on {self.path}.",
                why=f"Process {holder} holds {name}.lock.",
                next=f"Stop it first, or give this {name} a data folder of its own with `--data FOLDER`.",
                code="data-folder-in-use",
            )
        return lock

    def cli_secret(self) -> str:
        """The command line's key, made on first use."""
        if not self.cli_key.exists():
            write_private(self.cli_key, secrets.token_urlsafe(32).encode())
        return self.cli_key.read_text().strip()

    def _made(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(exist_ok=True, mode=0o700)
        return folder


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, readable by its owner only."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """`write_private` for a JSON value."""
    write_private(path, json.dumps(value, indent=1).encode())
