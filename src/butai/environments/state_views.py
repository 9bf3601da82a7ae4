"""The state of an environment as people and programs see it: versions, differences, who works and who has it locked."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from butai.runs.holders import WorksOn
from butai.runs.model import RunKind
from butai.runs.service import Shown
from butai.states.model import Holder, StateDiff


class VersionShape(BaseModel):
    """A version of a state: its number in this environment, who asked for the run that wrote it, and how large it is."""

    number: int
    serial: int
    lineage: str
    saved_at: datetime
    by: str
    run: int
    run_kind: RunKind
    size: int
    resources: int


class LockShape(BaseModel):
    """The lock that an engine holds on the state. `holder`: whether that engine still lives, as seen from the server.

    `in_bucket`: it was taken in the team's own bucket or table, where a person may have taken it by hand: then `run` is the
    one that goes on, if one does.
    """

    id: str
    who: str
    operation: str
    since: datetime | None
    run: int | None
    holder: Holder
    host: str
    in_bucket: bool


class KeptShape(BaseModel):
    """A state that could not be saved: where it waits. `here`: on the server's machine, so that going on takes it over."""

    run: int
    file: str
    host: str
    here: bool


class StateReport(BaseModel):
    """Everything about an environment's state but its content. `versions`: the newest first.

    `place`: its address in the team's own bucket; empty in Butai's own database. `lock_problem`: why nobody can say whether
    it is locked.
    """

    environment: str
    place: str
    works: WorksOn | None
    lock: LockShape | None
    lock_problem: Shown
    kept: KeptShape | None
    total: int
    versions: list[VersionShape]


class ResourceDifference(BaseModel):
    """A resource that both versions have: the names of what differs. `tainted`: whether the later one is, where it differs."""

    address: str
    attributes: list[str]
    tainted: bool | None


class OutputDifference(BaseModel):
    """An output that differs; null where a version has none. Values of sensitive ones are masked."""

    name: str
    before: str | None
    after: str | None


class DifferenceShape(BaseModel):
    """What version `after` has otherwise than version `before`."""

    before: int
    after: int
    added: list[str]
    removed: list[str]
    changed: list[ResourceDifference]
    outputs: list[OutputDifference]


class RollBackRequest(BaseModel):
    """Rolling back replaces what the engine knows: the environment's name is said again."""

    version: int = Field(ge=1)
    confirm: str


class ImportRequest(BaseModel):
    """A state document (format version 4) to become the newest version; the environment's name is said again."""

    document: str = Field(repr=False)
    confirm: str


class ReleaseRequest(BaseModel):
    """`confirm`: the environment's name, needed only where nobody can see from here whether the holder still lives."""

    confirm: str = ""


def shape_of(found: StateDiff, before: int, after: int) -> DifferenceShape:
    """A difference as others see it."""
    return DifferenceShape(
        before=before,
        after=after,
        added=list(found.added),
        removed=list(found.removed),
        changed=[
            ResourceDifference(address=each.address, attributes=list(each.attributes), tainted=each.tainted)
            for each in found.changed
        ],
        outputs=[OutputDifference(name=each.name, before=each.before, after=each.after) for each in found.outputs],
    )
