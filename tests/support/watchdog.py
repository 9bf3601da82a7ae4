"""The last resort against a test process that hangs: it says where, ends what it started, and ends itself.

pytest-timeout interrupts a test once; what hangs after that, in a fixture's end or in a thread that the interpreter waits
for, would hold the whole suite for ever. xdist puts a new process in the place of one that ends so.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """Ends this process when what is inside takes longer."""
    timer = start(seconds)
    try:
        yield
    finally:
        timer.cancel()


def start(seconds: float) -> threading.Timer:
    """Ends this process in so many seconds, unless the timer is cancelled."""
    timer = threading.Timer(seconds, _end)
    timer.daemon = True
    timer.start()
    return timer


def _end() -> None:
    # pytest has put files in the place of the streams; this is the process' own.
    faulthandler.dump_traceback(file=sys.__stderr__ or 2)
    for child in psutil.Process().children(recursive=True):
        try:
            child.kill()
        except psutil.Error:
            continue
    os._exit(70)
