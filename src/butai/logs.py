"""Structured logs of Butai's own processes: one line an event, on stderr."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog


class _Forgiving:
    """A stream whose failures nobody hears of: a full disk under the log must not end a worker in the middle of a run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, words: str) -> None:
        """Write what can be written."""
        with contextlib.suppress(OSError):
            self._stream.write(words)

    def flush(self) -> None:
        """Send it on, where that can be done."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure() -> None:
    """Readable lines on a terminal, JSON elsewhere."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # Plain tracebacks: the pretty ones show local variables, and those can be secrets.
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = console if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Forgiving(sys.stderr))),
    )
