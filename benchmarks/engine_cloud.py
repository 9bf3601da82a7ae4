"""AWS for `bench-engine`: the local cloud as it is, or with the waits of a real one before it.

python -m benchmarks.engine_cloud FOLDER DELAY_S CALLS_PER_S      # prints its address; ends with its standard input
"""

from __future__ import annotations

import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from butai.localcloud import __main__ as localcloud
from butai.localcloud.server import Door

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

REGION = "ap-northeast-1"


class SlowDoor(Door):
    """A wait for every call, and a limit of calls a second; what is over it waits longer."""

    delay_s = 0.0
    gap_s = 0.0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._turns, self._next = threading.Lock(), 0.0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._turns:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self.gap_s
        time.sleep(turn - now + self.delay_s)
        return super().__call__(environ, start_response)


def main(folder: Path, delay_s: float, per_s: float) -> None:
    """Serve until standard input closes."""
    SlowDoor.delay_s, SlowDoor.gap_s = delay_s, 1 / per_s if per_s else 0.0
    vars(localcloud)["Door"] = SlowDoor
    repositories = folder / "repositories"
    repositories.mkdir(parents=True)
    options = Namespace(data=folder / "cloud", port=0, region=REGION, repositories=repositories)
    with localcloud.running(options) as (endpoint, _):
        print(endpoint, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
