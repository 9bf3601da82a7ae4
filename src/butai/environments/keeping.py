"""The program that keeps what `init` has just made, for later runs that would have it made the same way.

    python -m butai.environments.keeping RUN_FOLDER

A run's supervisor starts it between `init` and what follows, so that nothing has been written into the folder since. Its
output is in lines like the engine's. That something cannot be kept never stops the run.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from butai.datafolder import write_json
from butai.runs.saying import say
from butai.terraform.packages import LOCK_FILE
from butai.terraform.prepared import PreparedFolders
from butai.terraform.prepared_key import Ingredients, reason_after, stored_ingredients
from butai.text import Text, text

FILE = "keep.json"


@dataclass(frozen=True)
class Task:
    """What there is to do: the store's folder, the root in which `init` was run, and what its result depends on."""

    store: Path
    root: Path
    made_of: Ingredients

    def write(self, folder: Path) -> None:
        """Keep it where the program finds it."""
        raw = {"store": str(self.store), "root": str(self.root), "made_of": self.made_of.as_stored()}
        write_json(folder / FILE, raw)


def read_task(folder: Path) -> Task:
    """What was written."""
    raw = json.loads((folder / FILE).read_text())
    return Task(Path(raw["store"]), Path(raw["root"]), stored_ingredients(raw["made_of"]))


def keep(task: Task) -> Text | None:
    """Keep it. What to say of it: nothing where another run had kept the same meanwhile. Raises OSError."""
    started = time.monotonic()
    lock = task.root / LOCK_FILE
    after = lock.read_text(errors="replace") if lock.exists() else ""
    reason = reason_after(task.root, task.made_of.lock, after, task.made_of.mirrored)
    if reason:
        return text("Every run of this root does its own init: {reason}.", reason=reason)
    store = PreparedFolders(task.store)
    if not store.keep(task.made_of.key(), task.made_of.after(after).key(), task.root):
        return None
    return text("What init made is kept for later runs ({seconds} s).", seconds=f"{time.monotonic() - started:.2f}")


def main(folder: Path) -> int:
    """Do it; a fault is said and costs the run nothing."""
    try:
        words = keep(read_task(folder))
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        words = text("What init made could not be kept for later runs ({problem}).", problem=type(error).__name__)
    if words:
        say(words)
    return 0


if __name__ == "__main__":
    # An interrupt ends it at once: what is half made is swept away later.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(main(Path(sys.argv[1])))
