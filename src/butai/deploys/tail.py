"""Following lines that come in pages: what of a page is new, and from when to ask on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from butai.aws.logs import AT_ONCE

# CloudWatch shows a line a moment after it was written, and lines of several tasks not in order.
OVERLAP = timedelta(seconds=10)


class Tail:
    """`after`: from when to ask on (nothing: from the beginning). `more`: ask again at once."""

    def __init__(self, page: int = AT_ONCE) -> None:
        self.after: datetime | None = None
        self.more = False
        self._page = page
        self._known: dict[str, datetime] = {}

    def take(self, got: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The lines of a page (oldest first, each with `id` and `at`) that were not there before."""
        new = [each for each in got if each["id"] not in self._known]
        self._known |= {each["id"]: datetime.fromisoformat(each["at"]) for each in got}
        before, self.more = self.more, len(got) >= self._page
        self.after = after = self._next(got, go_back=before and not self.more)
        self._known = {key: at for key, at in self._known.items() if after and at >= after - OVERLAP}
        return new

    def _next(self, got: Sequence[dict[str, Any]], *, go_back: bool) -> datetime | None:
        if not got:
            return self.after - OVERLAP if self.after and go_back else self.after
        last = datetime.fromisoformat(got[-1]["at"])
        if self.more:
            # Where all of a page have one moment, the next one is asked for, lest this never ends.
            return last + timedelta(milliseconds=got[0]["at"] == got[-1]["at"])
        return last - OVERLAP
