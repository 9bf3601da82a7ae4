"""Structured logs of Butai's own processes: one line an event, on stderr."""

from __future__ import annotations

import logging
import sys

import structlog


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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
