"""The one door to moto's in-memory state, and the lock that everybody who touches it holds."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from moto.backends import get_backend

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class CloudState:
    """moto's backends of one account and region.

    moto answers requests in threads and has no locks of its own, so both the API server (around each request) and the
    runner (around each look and change) hold `lock`.
    """

    region: str
    account: str = ACCOUNT
    lock: threading.RLock = field(default_factory=threading.RLock)

    def backend(self, service: str) -> Any:
        """The live backend object of a service, such as `ecs` or `elbv2`."""
        backends: Any = get_backend(service)  # type: ignore[call-overload]
        return backends[self.account][self.region]
