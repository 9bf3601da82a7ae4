"""Reading from a server that may be away for a while: whoever follows something goes on when it is back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from butai.client import Api, ApiError
from butai.errors import MissingPartError
from butai.terminal import say

AWAY_LOOK_S = 1.0
# How long a server that is away is waited for before it is said to be gone.
PATIENCE_S = 300.0
AWAY_STATUS = frozenset({502, 503, 504})


class Patient:
    """The API as somebody needs it who follows: a server that is away is waited for, on a new address too."""

    def __init__(self, connect_again: Callable[[], Api]) -> None:
        self._connect = connect_again
        self._api = connect_again()
        self._answered = False

    def get(self, path: str, **params: Any) -> Any:
        """Read. The first time fails at once: then nobody has followed anything yet."""
        deadline, told = time.monotonic() + PATIENCE_S, False
        while True:
            try:
                found = self._api.get(path, **params)
            except (MissingPartError, ApiError) as error:
                if not self._answered or not _is_away(error) or time.monotonic() > deadline:
                    raise
            else:
                self._answered = True
                return found
            if not told:
                told = True
                say("The server does not answer. Trying again.")
            time.sleep(AWAY_LOOK_S)
            with contextlib.suppress(MissingPartError):
                self._api = self._connect()


def _is_away(error: MissingPartError | ApiError) -> bool:
    return error.status in AWAY_STATUS if isinstance(error, ApiError) else error.code == "no-server"
