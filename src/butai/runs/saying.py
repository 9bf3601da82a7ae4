"""How programs that a run's supervisor starts beside the engine speak: in lines like the engine's, on their output."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from butai.errors import ButaiError
from butai.text import Text, joined, stored


def say(words: Text, kind: str = "note", **more: Any) -> None:
    """One line of the run's log, with what its words are translated from."""
    tell(words, f"butai_{kind}", **more)


def complain(words: Text) -> None:
    """Why the program does not do its work, as the engine tells its errors."""
    tell(words, "diagnostic", diagnostic={"severity": "error", "summary": words})


def complain_of(error: ButaiError) -> None:
    """The same for an error of ours, with what to do about it."""
    complain(joined(" ", [each for each in (error.what, error.next) if each]))


def tell(words: Text, type_: str, **more: Any) -> None:
    """One line of a type that the engine has too."""
    at = datetime.now(UTC).isoformat()
    print(json.dumps({"@message": words, "@timestamp": at, "type": type_, **more, "words": stored(words)}), flush=True)
