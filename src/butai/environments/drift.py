"""Drift: what the world has that an environment's code does not say, and when it is looked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType

from butai.runs.model import RunEnd, RunStatus
from butai.terraform.attributes import OUTPUTS, Attribute, Changed

# Who asks for the checks that nobody asks for.
SCHEDULE = "schedule"
_SILENT = frozenset({"", "read", "noop"})
_OUTSIDE = frozenset({"update", "delete"})


@dataclass(frozen=True)
class Told:
    """One line of a plan's log: `kind` drift, planned or outputs."""

    kind: str
    address: str
    action: str


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the code says.

    `outside`: what happened to it outside of Butai (update, delete), empty where nothing was seen. `action`: what an
    update would do about it (create, update, delete, replace), empty where nobody asked that. `attributes`: where it is
    changed or replaced, the first that differ, and how many `more` do; none where they could not be read. `in_code`: it
    differs in something that its code decides, and not only in what it leaves to the provider.
    """

    address: str
    action: str
    outside: str = ""
    attributes: Sequence[Attribute] = ()
    more: int = 0
    in_code: bool = True


def differences(told: Iterable[Told], changed: Mapping[str, Changed] = MappingProxyType({})) -> list[Difference]:
    """What a plan would do, one entry for each address, in the order in which the addresses were first told.

    Providers report drift of things that are as the code says too (a tag map that is empty in another way): what no
    update would change is no difference.
    """
    outside: dict[str, str] = {}
    planned: dict[str, str] = {}
    for line in told:
        if line.kind == "drift":
            outside[line.address] = line.action
        elif line.action not in _SILENT:
            planned[OUTPUTS if line.kind == "outputs" else line.address] = line.action
    nothing = Changed("", (), 0)
    return [
        Difference(address, action, outside.get(address, ""), each.attributes, each.more)
        for address, action in planned.items()
        for each in [changed.get(address, nothing)]
    ]


def changed_outside(told: Iterable[Told], changed: Mapping[str, Changed] = MappingProxyType({})) -> list[Difference]:
    """What was changed or deleted since a state was written, out of a plan that asks nothing else: one entry an address.

    What an update would do about it is not known: there was no look at the code. A change of no attribute is none, where
    attributes were told. What differs in something that the code decides comes first.
    """
    seen = {each.address: each.action for each in told if each.kind == "drift" and each.action in _OUTSIDE}
    nothing, told_of_none = Changed("", (), 0), {name for name, each in changed.items() if not each.attributes}
    found = [
        Difference(address, "", action, each.attributes, each.more, action == "delete" or each.in_code)
        for address, action in seen.items()
        for each in [changed.get(address, nothing)]
        if action == "delete" or address not in told_of_none
    ]
    return sorted(found, key=lambda each: not each.in_code)


@dataclass(frozen=True)
class Check:
    """What is to be said of the newest check: under way, ended badly, or nothing (its finding speaks for itself)."""

    run: int
    under_way: bool
    failed: bool


def newest_check(run: int, status: RunStatus, end: RunEnd | None) -> Check:
    """How the newest check stands. One that made way for somebody's run has not failed."""
    return Check(run, status is not RunStatus.ENDED, end in (RunEnd.FAILED_BEFORE_CHANGE, RunEnd.LOST))


@dataclass(frozen=True)
class Looked:
    """An environment that may be due. `since`: when its last run was over; `still`: it is there, and nothing goes on."""

    environment: int
    since: datetime
    every: timedelta | None
    still: bool = True


def due_at(each: Looked) -> datetime | None:
    """When its next check is due; none for never. Spread over a tenth of the time, so that many do not come at once."""
    if each.every is None or not each.still:
        return None
    part = int.from_bytes(sha256(str(each.environment).encode()).digest()[:4], "big") / 2**32
    return each.since + each.every * (1 + part / 10)


def due(known: Iterable[Looked], *, now: datetime, room: int) -> Sequence[int]:
    """The environments to check now, the longest overdue first: as many as there is room for."""
    dates = {each.environment: at for each in known if (at := due_at(each)) is not None and at <= now}
    return sorted(dates, key=lambda environment: dates[environment])[:room]
