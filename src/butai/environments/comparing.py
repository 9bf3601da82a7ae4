"""The program that plans on both ways, with a provider of the run's own and with a shared one, and compares the plans.

    python -m butai.environments.comparing RUN_FOLDER

A run's supervisor starts it like the engine; the engine's lines are its own. A plan holds every value, secret ones too: it is
compared in memory, and only addresses and names of attributes are told.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from butai.datafolder import write_json
from butai.runs.folder import ENGINES_REATTACH
from butai.runs.saying import say
from butai.terraform import commands
from butai.terraform.attended import run_engine
from butai.terraform.engine import Engine, stored_engine
from butai.text import text

FILE, RESULT = "compare.json", "compared.json"
TOLD_AT_MOST = 50
# What a plan says of itself, not of the world; the second one comes in any order.
_OF_ITSELF = frozenset({"timestamp", "relevant_attributes"})
_NONE = object()


@dataclass(frozen=True)
class Task:
    """What there is to do: with which engine and which file of variables."""

    engine: Engine
    values: Path

    def write(self, folder: Path) -> None:
        """Keep it where the program finds it."""
        write_json(folder / FILE, {"engine": self.engine.as_stored(), "values": str(self.values)})


def read_task(folder: Path) -> Task:
    """What was written."""
    raw = json.loads((folder / FILE).read_text())
    return Task(stored_engine(raw["engine"]), Path(raw["values"]))


def differences(plain: Any, shared: Any, place: str = "") -> Iterator[str]:
    """Where two plans, as `show -json` gives them, differ: places, no values. Pure."""
    if isinstance(plain, dict) and isinstance(shared, dict):
        for key in sorted({*plain, *shared} - (set() if place else _OF_ITSELF)):
            yield from differences(plain.get(key, _NONE), shared.get(key, _NONE), f"{place}.{key}" if place else key)
    elif isinstance(plain, list) and isinstance(shared, list) and len(plain) == len(shared):
        for number, (one, other) in enumerate(zip(plain, shared, strict=True)):
            yield from differences(one, other, f"{place}[{_named(one, number)}]")
    elif plain != shared:
        yield place


def _named(one: Any, number: int) -> str:
    return str(one["address"]) if isinstance(one, dict) and "address" in one else str(number)


class FailedError(Exception):
    """A command of the engine failed; what it said is in the log."""


def compare(task: Task, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Plan a change and a destruction on both ways; where they differ. Raises FailedError."""
    own = {name: value for name, value in environment.items() if name != ENGINES_REATTACH}
    found = []
    for destroy in (False, True):
        plain = _plan(task, folder, own, destroy=destroy)
        try:
            shared = _plan(task, folder, environment, destroy=destroy)
        except FailedError:
            return ["the plan with a shared provider fails"]
        found += list(differences(plain, shared))
    return found


def _plan(task: Task, folder: Path, environment: Mapping[str, str], *, destroy: bool) -> Any:
    file = folder / "compared.plan"
    try:
        argv = commands.plan(task.engine, [task.values], out=file, lock=False)
        made, _ = run_engine([*argv, *(["-destroy"] if destroy else [])], environment)
        if made not in (0, 2):
            raise FailedError
        shown, document = run_engine(commands.show(task.engine, file), environment, keep=True)
        if shown != 0:
            raise FailedError
        return json.loads(document)
    finally:
        file.unlink(missing_ok=True)


def main(folder: Path) -> int:
    """Do it."""
    try:
        found = compare(read_task(folder), folder, os.environ)
    except FailedError:
        return 1
    write_json(folder / RESULT, {"differences": found[:TOLD_AT_MOST], "count": len(found)})
    if found:
        say(text("Both ways differ in {count} places, the first: {place}", count=len(found), place=found[0]))
    else:
        say(text("Both ways are equal."))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(main(Path(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit(1)
