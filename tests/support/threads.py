"""Work beside the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def in_background(work: Callable[[], object], *, wait_s: float = 60) -> Iterator[None]:
    """Do it in a thread while the block runs, and wait for its end afterwards; its failure fails the test."""
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    yield
    thread.join(wait_s)
    assert not thread.is_alive(), "the work beside the test did not end"
    if failures:
        raise failures[0]


def in_a_loop(work: Coroutine[Any, Any, None]) -> None:
    """`asyncio.run` in a thread of its own: a browser's test leaves a loop in the one that tests run in."""
    with in_background(lambda: asyncio.run(work), wait_s=240):
        pass
