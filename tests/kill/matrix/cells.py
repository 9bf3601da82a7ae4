"""The fault matrix as data: what is hit, when, and how; and which of these cells make sense."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product


class Target(StrEnum):
    """What is hit. Worker and supervisor are Butai's two halves around the engine."""

    WORKER = "worker"
    SUPERVISOR = "supervisor"
    ENGINE = "engine"
    PROVIDER = "provider"
    SERVER = "server"
    DATABASE = "database"


class Moment(StrEnum):
    """When it is hit."""

    BEFORE_PLAN = "before-plan"
    DURING_PLAN = "during-plan"
    MID_APPLY = "mid-apply"
    STATE_WRITTEN = "state-written"
    AFTER_APPLY = "after-apply"
    DURING_DESTROY = "during-destroy"


class Fault(StrEnum):
    """What happens to it."""

    KILL = "kill-9"
    TERM = "sigterm"
    CUT = "network-cut"
    FULL = "disk-full"


class Store(StrEnum):
    """Which database everything is kept in."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True)
class Cell:
    """One cell. `cloud`: on resources of AWS, made by the real provider in the local cloud."""

    store: Store
    target: Target
    moment: Moment
    fault: Fault
    cloud: bool = False

    def __str__(self) -> str:
        where = f"{self.store}-cloud" if self.cloud else str(self.store)
        return f"{where}:{self.target}:{self.moment}:{self.fault}"


# With Butai's database on SQLite nothing but files lies between the parts.
_CUT_NEEDS_A_NETWORK = "SQLite is a file: there is no network to cut"
_GONE = {
    Target.ENGINE: (Moment.AFTER_APPLY,),
    Target.SUPERVISOR: (Moment.AFTER_APPLY,),
    # The engine starts its provider for the plan, and ends it before it writes the state.
    Target.PROVIDER: (Moment.BEFORE_PLAN, Moment.STATE_WRITTEN, Moment.AFTER_APPLY),
}


def why_not(cell: Cell) -> str:
    """Why a cell makes no sense; empty where it does."""
    if cell.moment in _GONE.get(cell.target, ()):
        return "it is not there at this moment"
    if cell.target is Target.PROVIDER and (not cell.cloud or cell.fault is Fault.FULL):
        return "a provider is there in the cloud's cells only, and writes no file"
    if cell.cloud and cell.target not in (Target.PROVIDER, Target.ENGINE):
        return "what is asked of the others is the same without a provider"
    if cell.cloud and cell.moment not in (Moment.DURING_PLAN, Moment.MID_APPLY, Moment.DURING_DESTROY):
        return "the cloud is not asked at this moment"
    if cell.fault is Fault.CUT and cell.target in (Target.ENGINE, Target.PROVIDER):
        return "" if cell.cloud and cell.target is Target.PROVIDER else "only its provider talks over a network"
    if cell.store is Store.SQLITE and cell.fault is Fault.CUT:
        return _CUT_NEEDS_A_NETWORK
    if cell.store is Store.SQLITE and cell.target is Target.DATABASE:
        return "SQLite has no process; its full disk is that of worker and supervisor"
    return ""


def every(store: Store) -> Iterator[Cell]:
    """All cells that make sense on a database."""
    for cloud, target, moment, fault in product((False, True), Target, Moment, Fault):
        cell = Cell(store, target, moment, fault, cloud)
        if not why_not(cell):
            yield cell


WAITING_FOR_ADOPTION: dict[tuple[Target, Moment, Fault], str] = {}
"""Cells in the cloud whose next run fails until it adopts orphans by itself: there only that last check waits."""
