"""Work beside the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
