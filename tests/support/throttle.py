"""A way to the cloud that throttles as AWS does: a bucket of tokens that fills again with time."""

from __future__ import annotations

import threading
import time
from collections import Counter

import httpx

from support.way import Asked, Way

_ANSWER = b'{"__type":"ThrottlingException","message":"Rate exceeded"}'


class Throttle(Way):
    """Lets through `burst` calls of the ECS API at once, and `rate` a second from then on."""

    def __init__(self, target: str, *, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, float(burst)
        self._tokens, self._seen, self._turn = float(burst), time.monotonic(), threading.Lock()
        self.passed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        super().__init__(target)

    def instead(self, asked: Asked) -> httpx.Response | None:
        """AWS's refusal, where there is no token for a call of ECS."""
        action = asked.target.rpartition(".")[2]
        if "ContainerService" in asked.target and not self._may_pass():
            self.refused[action] += 1
            return httpx.Response(400, headers={"Content-Type": "application/x-amz-json-1.1"}, content=_ANSWER)
        self.passed[action] += 1
        return None

    def _may_pass(self) -> bool:
        with self._turn:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._seen) * self._rate)
            self._seen = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True
