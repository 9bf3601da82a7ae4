"""One of our own programs, that stands ready beside the engine: forked before there are threads, and told its part later.

Started anew, a program of ours loads for most of a second before it does anything. A fork has what its parent has loaded.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import setproctitle

NAP_S = 0.02
OURS = "butai."


def program_of(argv: Sequence[str]) -> str:
    """The module that a command runs where it is one of ours, with one argument; else nothing."""
    ours = len(argv) == 4 and list(argv[:2]) == [sys.executable, "-m"] and argv[2].startswith(OURS)
    return argv[2] if ours else ""


@cache
def learn(program: str) -> Any:
    """Load a program and what every run of it needs: it may have a function `warm_up` for that. The module.

    Once: a fork of a process that has learnt it has, too.
    """
    module = import_module(program)
    getattr(module, "warm_up", lambda: None)()
    return module


def get_ready(argv: Sequence[str]) -> Any:
    """Load the program of a command, and let it get ready for this run if it has a function `get_ready` for that. The module.

    What goes wrong then goes wrong again where it is told.
    """
    module = learn(argv[2])
    with contextlib.suppress(Exception):
        getattr(module, "get_ready", lambda _: None)(Path(argv[3]))
    return module


@contextlib.contextmanager
def standing_by(commands: Sequence[Sequence[str]]) -> Iterator[list[Understudy | None]]:
    """One for each command that is ours, none for others. Those that never began are gone afterwards."""
    made = [Understudy(each) if program_of(each) else None for each in commands]
    try:
        yield made
    finally:
        for each in made:
            if each and not each.begun:
                each.dismiss()


class Understudy:
    """The process of a command of ours, before and after it begins; as much of `subprocess.Popen` as is needed.

    To be made by a process that has one thread.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv = list(argv)
        self.returncode: int | None = None
        self.begun = False
        self._channel, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self._channel.close()
            _stand_by(theirs, self.argv)
        theirs.close()

    def begin(self, *, cwd: str, env: Mapping[str, str], stdout: int, stderr: int) -> None:
        """Run, in a session of its own, with exactly that environment and those files. Raises OSError when it is gone."""
        self.begun = True
        part = json.dumps({"folder": cwd, "environment": dict(env)}).encode()
        with self._channel:
            socket.send_fds(self._channel, [b"."], [stdout, stderr])
            self._channel.sendall(part)

    def dismiss(self) -> None:
        """It is not needed: it ends without having run anything."""
        self._channel.close()
        self.wait()

    def poll(self) -> int | None:
        """Exit status, minus the signal's number when a signal ended it; none while it lives."""
        if self.returncode is None:
            gone, status = os.waitpid(self.pid, os.WNOHANG)
            if gone:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float = float("inf")) -> int:
        """The exit status. Raises subprocess.TimeoutExpired."""
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(self.argv, timeout)
            time.sleep(NAP_S)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _stand_by(channel: socket.socket, argv: list[str]) -> NoReturn:
    """Get ready, wait for the word, and run.

    Nothing that the parent had open stays open: its locks are its own.
    """
    code = 1
    try:
        # A stop is its parent's affair until it begins: whoever waits here ends with its parent.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        os.closerange(3, channel.fileno())
        os.closerange(channel.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
        module = get_ready(argv)
        _, files, _, _ = socket.recv_fds(channel, 1, 2)
        if len(files) == 2:
            with channel, channel.makefile("rb") as told:
                _become(argv, json.load(told), files)
            code = module.main(Path(argv[3]))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for words in (sys.stdout, sys.stderr):
            words.flush()
        os._exit(code)


def _become(argv: list[str], told: Mapping[str, Any], files: list[int]) -> None:
    os.setsid()
    os.chdir(told["folder"])
    for here, there in zip(files, (1, 2), strict=True):
        os.dup2(here, there)
        os.close(here)
    # Whoever was forked from may have put something else in their places.
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") for number in (1, 2))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    setproctitle.setproctitle(" ".join(argv))
    os.environ.clear()
    os.environ.update(told["environment"])
    sys.argv = argv[2:]
