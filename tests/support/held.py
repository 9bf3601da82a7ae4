"""A way to the cloud on which one kind of request can be held: its work is done, and its answer does not come."""

from __future__ import annotations

import threading

from support.way import Asked, Way


class HeldWay(Way):
    """While `holds` is part of a request's X-Amz-Target or body its answer is kept back."""

    def __init__(self, target: str) -> None:
        self.holds = ""
        self.held, self.go_on = threading.Event(), threading.Event()
        super().__init__(target)

    def hold(self, part: str) -> None:
        """Hold the next answers to requests like this."""
        self.holds = part
        self.held.clear()
        self.go_on.clear()

    def let_go(self) -> None:
        """Hold nothing any more."""
        self.holds = ""
        self.go_on.set()

    def before_answer(self, asked: Asked) -> None:
        """Wait, where such a request is to be held."""
        if self.holds and self.holds.encode() in asked.target.encode() + asked.body:
            self.held.set()
            self.go_on.wait(60)

    def close(self) -> None:
        """Let everything go and end."""
        self.let_go()
        super().close()
