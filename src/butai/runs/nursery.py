"""A process that supervisors are forked from: all that they need is loaded there already.

Loading it takes more than half a second of a core, and at every run again. The nursery is a fork of the worker from before it
had threads, locks or connections; so are the supervisors, which are there in milliseconds. It ends with its worker; they do not.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import setproctitle
import structlog

from butai.db import Database
from butai.runs import supervisor
from butai.runs.folder import RunFolder
from butai.runs.spawn import ERRORS, spawn
from butai.runs.understudy import get_ready, program_of
from butai.tables import load_tables

ANSWERS_WITHIN_S = 10.0
BEGUN = b"begun\n"

log = structlog.get_logger()


class Nursery:
    """Starts supervisors. Where the nursery is gone they are started anew, which only takes longer. `database`: its URL.

    To be made by a process that has one thread, no locks and no connections.
    """

    def __init__(self, database: str) -> None:
        self._channel, theirs = socket.socketpair()
        self._turn, self._lives = threading.Lock(), True
        self.pid = os.fork()
        if self.pid == 0:
            self._channel.close()
            _serve(theirs, database)
        theirs.close()
        self._channel.settimeout(ANSWERS_WITHIN_S)

    def spawn(self, folder: RunFolder, environment: Mapping[str, str]) -> None:
        """Start a supervisor that outlives this process. `environment` is the whole of its own."""
        if not self._asked({"folder": str(folder.path), "environment": dict(environment)}):
            log.warning("no nursery any more: supervisors are started anew, which takes longer")
            spawn(folder, environment)

    def _asked(self, told: dict[str, Any]) -> bool:
        with self._turn:
            try:
                if self._lives:
                    self._channel.sendall(json.dumps(told).encode() + b"\n")
                    self._lives = self._channel.recv(len(BEGUN)) == BEGUN
            except OSError:
                # Whether it begins after all is not known, and does no harm: a folder has one supervisor.
                self._lives = False
            return self._lives


def _serve(channel: socket.socket, database: str) -> NoReturn:
    """Fork until the worker is gone. A terminal's Ctrl-C is the worker's affair."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # What was open where it was forked would be held open by supervisors for as long as they live.
    os.closerange(3, channel.fileno())
    os.closerange(channel.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here: none stays a zombie
    os.environ["SPT_NOENV"] = "1"  # a title takes the place of the arguments alone
    setproctitle.setproctitle("butai.runs.nursery")
    load_tables()
    Database.warm_up(database)
    gc.freeze()
    with channel.makefile("rb") as asked:
        for line in asked:
            if os.fork() == 0:
                channel.close()
                _live(json.loads(line))
            channel.sendall(BEGUN)
            _learn(json.loads(line))
    os._exit(0)


def _learn(told: dict[str, Any]) -> None:
    """Load the programs of ours that this run needs, and make what they need ready: the next run like it need not."""
    try:
        commands = [each.argv for each in RunFolder(Path(told["folder"])).read_work().commands if program_of(each.argv)]
        with _environment(told["environment"]):
            for argv in commands:
                get_ready(argv)
        if commands:
            gc.freeze()
    except Exception:
        traceback.print_exc()


@contextlib.contextmanager
def _environment(told: Mapping[str, str]) -> Iterator[None]:
    own = dict(os.environ)
    _replace_environment(told)
    try:
        yield
    finally:
        _replace_environment(own)


def _replace_environment(by: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(by)


def _live(told: dict[str, Any]) -> NoReturn:
    """Be a supervisor, as if started anew."""
    folder, code = Path(told["folder"]), 1
    try:
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        os.chdir(folder)
        setproctitle.setproctitle(f"butai.runs.supervisor {folder.name}")
        _speak_to(folder / ERRORS)
        _replace_environment(told["environment"])
        code = supervisor.start(folder)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _speak_to(file: Path) -> None:
    nothing, words = os.open(os.devnull, os.O_RDONLY), os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for here, there in ((nothing, 0), (words, 1), (words, 2)):
        os.dup2(here, there)
    os.close(nothing)
    os.close(words)
