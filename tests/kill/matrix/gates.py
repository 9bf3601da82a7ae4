"""Gates: places at which an engine waits until the test lets it pass. No moment is hit by sleeping."""

from __future__ import annotations

import os
from pathlib import Path


class Gate:
    """A file that the engine reads on its way. Armed it is a pipe: whoever reads it waits, and can be seen waiting."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: int | None = None
        path.write_bytes(b"")

    def arm(self) -> None:
        """From now on whoever comes waits here."""
        pipe = self.path.with_suffix(".pipe")
        os.mkfifo(pipe)
        pipe.replace(self.path)

    def reached(self) -> bool:
        """Whether somebody waits here. He is held until `open`."""
        if self._held is None and self.path.is_fifo():
            try:
                self._held = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                return False
        return self._held is not None

    def open(self) -> None:
        """Let everybody pass."""
        self.reached()
        plain = self.path.with_suffix(".plain")
        plain.write_bytes(b"")
        plain.replace(self.path)
        if self._held is not None:
            os.close(self._held)
            self._held = None


class Gates:
    """The gates of one stage, by the names of moments, and the engine that stops at the first of them."""

    NAMES = ("init", "plan", "apply", "destroy")

    def __init__(self, folder: Path, engine: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._all = {name: Gate(folder / name) for name in self.NAMES}
        self.bin = folder / "bin"
        self.bin.mkdir()
        # The real engine under its own name and process id; it only waits at the gate before its first command.
        wrapper = self.bin / engine.name
        wrapper.write_text(
            f'#!/bin/sh\ncase "$1" in init|apply) read -r _ < {folder / "init"};; esac\nexec {engine} "$@"\n'
        )
        wrapper.chmod(0o755)

    def __getitem__(self, name: str) -> Gate:
        return self._all[name]

    def open_all(self) -> None:
        """Nobody waits any more."""
        for gate in self._all.values():
            gate.open()
