"""After a host or a provider ended by itself, a few runs go the plain way: whatever killed it may be in them."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

from butai.datafolder import write_json

PLAIN_RUNS = 3


def note(folder: Path) -> None:
    """Something ended that nobody had ended."""
    write_json(folder / "crashed.json", PLAIN_RUNS)


def clear(folder: Path) -> None:
    """Remove what a killed host left, and note that. Only for whoever holds the host's lock: then none is alive."""
    address = folder / "host.json"
    if address.exists():
        note(folder)
        with contextlib.suppress(ValueError, LookupError):
            shutil.rmtree(json.loads(address.read_text())["sockets"], ignore_errors=True)
        address.unlink()


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
