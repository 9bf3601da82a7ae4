"""An engine run by a program that a supervisor may interrupt."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence


def run_engine(
    argv: Sequence[str], environment: Mapping[str, str] | None = None, *, keep: bool = False
) -> tuple[int, bytes]:
    """Run an engine to its end: its exit code, and its output where that is to be kept (else it goes where ours goes).

    An interrupt is handed on, and the engine's end waited for, before it goes its way as KeyboardInterrupt: an engine that
    is killed leaves its providers behind. Raises OSError when it cannot be started.
    """
    out = subprocess.PIPE if keep else None
    with subprocess.Popen(list(argv), env=environment, stdin=subprocess.DEVNULL, stdout=out) as process:
        try:
            said, _ = process.communicate()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.communicate()
            raise
    return process.returncode, said or b""
