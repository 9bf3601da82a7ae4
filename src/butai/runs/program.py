"""What programs have in common that a run's supervisor starts beside the engine: how they hear that they are to stop."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass
from types import FrameType

NAP_S = 0.05
DONE, FAILED = 0, 1


@dataclass
class Stop:
    """Whether somebody wants it to stop. No event of `threading`: a signal handler would meet its lock."""

    asked: bool = False

    def wait(self, seconds: float) -> None:
        """Wait this long, or until it is asked."""
        until = time.monotonic() + seconds
        while not self.asked and time.monotonic() < until:
            time.sleep(NAP_S)


def listen(stop: Stop) -> None:
    """The first interrupt is a wish to stop, the second one ends the program where it is."""

    def asked(_number: int, _frame: FrameType | None) -> None:
        if stop.asked:
            sys.exit(FAILED)
        stop.asked = True

    signal.signal(signal.SIGINT, asked)
