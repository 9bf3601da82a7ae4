"""The program that takes into the state what earlier runs made and no state knows, before a run changes anything.

    python -m butai.environments.adopting RUN_FOLDER

A run's supervisor starts it like the engine: the same environment, its output in lines of the same shape. What cannot be
adopted stays on the list; that never stops the run.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from butai.aws.lookup import exists
from butai.aws.named import Found, can_find, find, import_id
from butai.datafolder import write_json
from butai.environments.ledger import Creation, is_state_only
from butai.runs.saying import say
from butai.terraform import commands
from butai.terraform.engine import Engine, stored_engine
from butai.terraform.events import plain
from butai.text import Text, text

FILE = "adopt.json"
STOPPED = 130
# Clocks of the engine's machine and of AWS may differ that much.
SKEW = timedelta(seconds=60)


@dataclass(frozen=True)
class Task:
    """What there is to do. `planned_by`: for a creation's run the values that gave its things their names.

    `taken`: addresses that the state has already; `known`: the ids in it.
    """

    engine: Engine
    values: Path
    orphans: list[Creation]
    planned_by: dict[int, Path]
    taken: set[str]
    known: set[str]

    def write(self, folder: Path) -> None:
        """Keep it where the program finds it."""
        orphans = [{**each.as_stored(), "began_at": _iso(each.began_at)} for each in self.orphans]
        write_json(
            folder / FILE,
            {
                "engine": self.engine.as_stored(),
                "values": str(self.values),
                "orphans": orphans,
                "planned_by": {str(run): str(path) for run, path in self.planned_by.items()},
                "taken": sorted(self.taken),
                "known": sorted(self.known),
            },
        )


def read_task(folder: Path) -> Task:
    """What was written."""
    raw = json.loads((folder / FILE).read_text())
    orphans = [Creation(**{**each, "began_at": _time(each["began_at"])}) for each in raw["orphans"]]
    planned_by = {int(run): Path(path) for run, path in raw["planned_by"].items()}
    return Task(
        stored_engine(raw["engine"]), Path(raw["values"]), orphans, planned_by, set(raw["taken"]), set(raw["known"])
    )


class Adopting:
    """Goes through the list once. Everything that it learns is a line of the run's log."""

    def __init__(self, task: Task, folder: Path) -> None:
        self._task, self._folder = task, folder
        self._stop = threading.Event()
        self._child: subprocess.Popen[str] | None = None
        self._session = cache(boto3.Session)
        self._planned = cache(self._plan)

    def interrupt(self, *_: object) -> None:
        """Somebody wants the run to stop: the engine's command that is under way is asked to end, no other is begun."""
        self._stop.set()
        if self._child is not None:
            self._child.send_signal(signal.SIGINT)

    def run(self) -> int:
        """Those with an id first: with them in the state more names are known."""
        for made in sorted(self._task.orphans, key=lambda each: not each.id):
            if self._stop.is_set():
                return STOPPED
            (self._named if made.id else self._unnamed)(made)
        return STOPPED if self._stop.is_set() else 0

    def _named(self, made: Creation) -> None:
        if is_state_only(made.type):
            # An import would give it back without what it was made from.
            self._say("gone", made, text("{address} stood in a state only: it is made again.", address=made.address))
        elif exists(self._session(), made.type, made.id) is False:
            self._say("gone", made, text("{address} ({id}) is gone.", address=made.address, id=made.id))
        else:
            self._adopt(made)

    def _unnamed(self, made: Creation) -> None:
        planned = self._planned(made.run).get(made.address) if can_find(made.type) else None
        found = find(self._session(), made.type, planned) if planned else None
        if found is False:
            self._say("gone", made, text("{address} was not made: nothing has its name.", address=made.address))
        elif found is None:
            words = text(
                "{address} ({type}) may exist: it cannot be found by name.", address=made.address, type=made.type
            )
            self._say("note", made, words)
        elif found.id in self._task.known:
            self._say("gone", made, text("{address} is the one that the state has.", address=made.address))
        elif _is_of(made, found):
            self._adopt(replace(made, id=found.id))
        else:
            unsure = text(
                "{id} has the name of {address}. Who made it cannot be told.", id=found.id, address=made.address
            )
            self._say("found", replace(made, id=found.id), unsure)

    def _adopt(self, made: Creation) -> None:
        if made.address in self._task.taken:
            words = text("The state has another {address}: {id} stays on the list.", address=made.address, id=made.id)
            self._say("note", made, words)
            return
        try:
            wanted = import_id(self._session(), made.type, made.id)
        except (BotoCoreError, ClientError):
            wanted = made.id
        task = self._task
        code, said = self._engine(commands.import_(task.engine, [task.values], made.address, wanted))
        if code == 0:
            task.taken.add(made.address)
            task.known.add(made.id)
            self._say("adopted", made, text("Adopted {address} ({id}).", address=made.address, id=made.id))
        else:
            why = plain(said.strip())[-600:]
            self._say("note", made, text("{address} could not be adopted: {why}", address=made.address, why=why))

    def _plan(self, run: int) -> dict[str, dict[str, Any]]:
        """The values that the engine plans for each address with that run's variables; nothing where it cannot plan."""
        values, file = self._task.planned_by.get(run), self._folder / "names.plan"
        if values is None:
            return {}
        try:
            code, _ = self._engine(commands.plan_for_names(self._task.engine, [values], out=file))
            if code not in (0, 2):
                return {}
            code, shown = self._engine(commands.show(self._task.engine, file))
            return _after(json.loads(shown)) if code == 0 else {}
        finally:
            # It holds every value, secret ones too.
            file.unlink(missing_ok=True)

    def _engine(self, argv: list[str]) -> tuple[int, str]:
        """Run one command: its exit code, and its output, or its errors where it failed."""
        with subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as child:
            self._child = child
            out, errors = child.communicate()
            self._child = None
        return child.returncode, out if child.returncode in (0, 2) else errors

    def _say(self, kind: str, made: Creation, words: Text) -> None:
        resource = {"addr": made.address, "resource_type": made.type}
        hook = {"resource": resource, "id_key": "id", "id_value": made.id, "begun_in": made.run}
        say(words, kind, hook=hook)


def _is_of(made: Creation, found: Found) -> bool:
    """Whether what was found was made by the run that began it, and not by somebody before."""
    return bool(found.made_at and made.began_at and found.made_at >= made.began_at - SKEW)


def _after(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    changes: Iterable[dict[str, Any]] = plan.get("resource_changes", [])
    return {each["address"]: each["change"].get("after") or {} for each in changes if each.get("mode") == "managed"}


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def _time(at: str) -> datetime | None:
    return datetime.fromisoformat(at) if at else None


def main(folder: Path) -> int:
    """Do it."""
    adopting = Adopting(read_task(folder), folder)
    signal.signal(signal.SIGINT, adopting.interrupt)
    return adopting.run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
