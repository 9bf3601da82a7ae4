"""Which run starts next, and what each queued one waits for: pure rules over what is queued and what goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from butai.runs.model import RunKind

REPEATABLE = frozenset({RunKind.UPDATE, RunKind.DESTROY})


class Priority(IntEnum):
    """Who waits for a run; lower goes first."""

    PERSON = 0
    PUSH = 1
    SCHEDULE = 2
    DRIFT_CHECK = 3


class WaitsFor(StrEnum):
    """What keeps a queued run from starting."""

    TURN = "turn"  # nothing but the next look of a worker
    ENVIRONMENT = "environment"  # an older run of the same environment
    BLUEPRINT_CAP = "blueprint-cap"
    CAP = "cap"
    SLOT = "slot"  # every worker that could take it has as many as it takes
    MEMORY = "memory"  # every worker that could take it has too little free memory
    CORES = "cores"  # every worker that could take it has all its cores at work
    LABELS = "labels"  # no living worker carries the labels that the blueprint asks for
    WORKER = "worker"  # no worker is alive at all


@dataclass(frozen=True)
class Queued:
    """A run that has not started. `labels`: what its worker must carry; `at_once`: its blueprint's cap, 0 for none."""

    run: int
    environment: int
    blueprint: str
    kind: RunKind
    priority: Priority = Priority.PERSON
    labels: Mapping[str, str] = field(default_factory=dict)
    at_once: int = 0


@dataclass(frozen=True)
class Going:
    """A run that a worker holds."""

    run: int
    environment: int
    blueprint: str
    worker: str


@dataclass(frozen=True)
class Hand:
    """A living worker: its labels, how many runs it takes at once, and what stands in the way of one more than that."""

    worker: str
    labels: Mapping[str, str]
    slots: int
    full: WaitsFor = WaitsFor.SLOT


@dataclass(frozen=True)
class Place:
    """Where a queued run stands: its position (1 is next), and what it waits for (`run`: which run, where it is one)."""

    run: int
    position: int
    waits_for: WaitsFor
    waits_for_run: int | None = None


def in_order(queued: Iterable[Queued]) -> list[Queued]:
    """All queued runs in the order in which they start, where nothing else is in their way.

    Within one environment only a drift check lets others pass: an update means what it means after the runs before it.
    """
    by_environment: dict[int, list[Queued]] = {}
    for each in sorted(queued, key=lambda run: (run.kind is RunKind.DRIFT_CHECK, run.run)):
        by_environment.setdefault(each.environment, []).append(each)
    # A run cannot go before one that its environment has to do first, so it has that one's urgency's turn at most; and
    # what a person waits for pulls forward what stands before it.
    keyed = []
    for runs in by_environment.values():
        for index, each in enumerate(runs):
            urgency = min(later.priority for later in runs[index:])
            keyed.append(((urgency, max(earlier.run for earlier in runs[: index + 1])), each))
    return [each for _, each in sorted(keyed, key=lambda pair: pair[0])]


def next_for(hand: Hand, queued: Iterable[Queued], going: Sequence[Going], cap: int) -> list[Queued]:
    """The runs that this worker takes now, in order. `cap`: runs in all, 0 for no limit."""
    free = hand.slots - sum(each.worker == hand.worker for each in going)
    free = min(free, cap - len(going)) if cap else free
    ahead: dict[int, int] = {each.environment: each.run for each in going}
    per_blueprint = Counter(each.blueprint for each in going)
    taken: list[Queued] = []
    for each in in_order(queued) if free > 0 else ():
        first = ahead.setdefault(each.environment, each.run) == each.run
        full = each.at_once and per_blueprint[each.blueprint] >= each.at_once
        if first and not full and carries(hand.labels, each.labels):
            taken.append(each)
            per_blueprint[each.blueprint] += 1
        if len(taken) >= free:
            break
    return taken


def carries(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether a worker's labels satisfy what a blueprint asks for."""
    return all(labels.get(name) == value for name, value in wanted.items())


def places(queued: Iterable[Queued], going: Sequence[Going], hands: Sequence[Hand], cap: int) -> list[Place]:
    """Every queued run with its position and what it waits for, in order."""
    ahead: dict[int, int] = {each.environment: each.run for each in going}
    found = []
    for position, each in enumerate(in_order(queued), start=1):
        before = ahead.get(each.environment)
        waits_for = WaitsFor.ENVIRONMENT if before else _waits_for(each, going, hands, cap)
        found.append(Place(each.run, position, waits_for, before))
        ahead[each.environment] = each.run
    return found


def _waits_for(each: Queued, going: Sequence[Going], hands: Sequence[Hand], cap: int) -> WaitsFor:
    able = [hand for hand in hands if carries(hand.labels, each.labels)]
    busy = Counter(run.worker for run in going)
    if not hands:
        return WaitsFor.WORKER
    if not able:
        return WaitsFor.LABELS
    if cap and len(going) >= cap:
        return WaitsFor.CAP
    if each.at_once and sum(run.blueprint == each.blueprint for run in going) >= each.at_once:
        return WaitsFor.BLUEPRINT_CAP
    if any(busy[hand.worker] < hand.slots for hand in able):
        return WaitsFor.TURN
    reasons = {hand.full for hand in able}
    return reasons.pop() if len(reasons) == 1 else WaitsFor.SLOT


def superseded(newer: Queued, queued: Iterable[Queued]) -> list[int]:
    """Older queued runs whose work the newer one does as well: the same kind on the same environment, nothing between.

    The later of two updates starts from everything that is queued before it, so nothing that was asked for is lost. Any
    run makes a queued drift check pointless: it looks at what is about to change.
    """
    older = [each for each in queued if each.environment == newer.environment and each.run < newer.run]
    gone = [each.run for each in older if each.kind is RunKind.DRIFT_CHECK]
    for each in sorted((run for run in older if run.run not in gone), key=lambda run: -run.run):
        if each.kind is not newer.kind or newer.kind not in REPEATABLE:
            break
        gone.append(each.run)
    return sorted(gone)
