"""How many more runs this worker starts now: a number that was set, or what its machine is measured to have room for."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import select

from butai.datafolder import DataFolder
from butai.db import Database
from butai.runs import gauge
from butai.runs.folder import RunFolder
from butai.runs.queue import WaitsFor
from butai.runs.room import History, Machine, Room, Seen, at_work, room
from butai.runs.store import Run

LOOK_EVERY_S = 1.0
# Under which the shared providers are kept among the runs.
PROVIDERS = "providers"

Look = Callable[[Collection[int]], Mapping[str, Seen]]


@dataclass(frozen=True)
class Offer:
    """Room now; `measured`: the figures that it follows from, as the worker's row keeps them (none: a number was set)."""

    room: Room
    measured: dict[str, Any] | None = None


class Capacity(Protocol):
    """Says how many more runs may start."""

    def offer(self, going: Collection[int]) -> Offer:
        """Room beside these runs, which this worker carries."""


class Fixed:
    """As many at once as somebody said."""

    def __init__(self, slots: int) -> None:
        self._slots = slots

    def offer(self, going: Collection[int]) -> Offer:
        """What is left of the number."""
        return Offer(Room(max(0, self._slots - len(going)), WaitsFor.SLOT))


class Measured:
    """As the machine allows. It is looked at once a second at most; a run that no look has seen yet counts in full."""

    def __init__(
        self, look: Look, machine: Callable[[float], Machine], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look, self._machine, self._clock = look, machine, clock
        self._history = History()
        self._looked_at = float("-inf")
        self._now: Machine | None = None

    def offer(self, going: Collection[int]) -> Offer:
        """Room beside these runs, and the figures."""
        machine = self._looked(going)
        loads = self._history.loads([str(each) for each in going])
        found = room(machine, loads)
        # More may be at work than there are cores, where what waited goes on; a page says that all of them are.
        working = min(at_work(machine, loads), machine.cores)
        return Offer(found, {**asdict(machine), "working": working, "full": str(found.full)})

    def _looked(self, going: Collection[int]) -> Machine:
        at = self._clock()
        if self._now is None or at - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = at
            # Where nothing goes on there is nothing to look at but the memory.
            self._history.add(at, self._look(going) if going else {})
            self._now = self._machine(self._history.share(PROVIDERS) or 0.0)
        return self._now


def of_this_machine(database: Database, data: DataFolder, cores: int | None = None) -> Measured:
    """The room of this machine for runs of this data folder. `cores`: how many it is taken to have."""
    count = cores or gauge.cores()

    def look(going: Collection[int]) -> dict[str, Seen]:
        columns = (Run.id, Run.folder, Run.way, Run.end)
        with database.reading() as session:
            rows = session.execute(select(*columns).where(Run.id.in_(going))).all()
        family = gauge.Family()
        seen = {PROVIDERS: gauge.look_at_providers(family, data.providers)}
        for run, folder, way, end in rows:
            at = RunFolder(Path(folder) if folder else data.run(run))
            shared = gauge.shared_way(way)
            seen[str(run)] = gauge.look_at_run(family, at, shared=shared, over=end is not None)
        return seen

    return Measured(look, lambda busy: gauge.machine(count, busy))


def capacity(slots: int, database: Database, data: DataFolder) -> Capacity:
    """A number that was set, or 0 for what is measured."""
    return Fixed(slots) if slots else of_this_machine(database, data)
