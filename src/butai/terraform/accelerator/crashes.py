"""After a host or a provider ended by itself, a few runs go the plain way: whatever killed it may be in them."""

from __future__ import annotations

from pathlib import Path

from butai.datafolder import write_json

PLAIN_RUNS = 3


def note(folder: Path) -> None:
    """Something ended that nobody had ended."""
    write_json(folder / "crashed.json", PLAIN_RUNS)


def lately(folder: Path) -> bool:
    """Whether this run is one of the few after it; the next one is asked anew."""
    path = folder / "crashed.json"
    try:
        left = int(path.read_text())
    except (OSError, ValueError):
        return False
    if left <= 1:
        path.unlink(missing_ok=True)
    else:
        write_json(path, left - 1)
    return True
