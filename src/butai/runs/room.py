"""How many more runs a worker may start now, out of free memory, cores, and what its runs do. Pure: it measures nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from butai.runs.queue import WaitsFor

SHARED_MIB, OWN_MIB = 120, 800
"""What a run takes beside providers that it shares, and with a provider of its own (the AWS provider's figures)."""
WAITS_BELOW = 0.1
WINDOW_S, STALE_S = 2.0, 6.0
RUNS_A_CORE = 8
RESERVE_MIB, RESERVE_SHARE = 512, 0.1


@dataclass(frozen=True)
class Machine:
    """The worker's machine. `busy`: cores that providers shared by all runs keep at work."""

    cores: int
    total_mib: int
    free_mib: int
    busy: float = 0.0

    @property
    def spare_mib(self) -> int:
        """Free memory without the reserve, which is never given away."""
        return self.free_mib - max(RESERVE_MIB, int(self.total_mib * RESERVE_SHARE))


@dataclass(frozen=True)
class Seen:
    """What was seen of one run at one moment. `process`: whose time `cpu_s` is: another command is another process.

    No `process`: its engine has not been started. `over`: its engine has ended, and only its services are waited for.
    """

    process: str = ""
    cpu_s: float = 0.0
    used_mib: int = 0
    shared: bool = False
    over: bool = False


@dataclass(frozen=True)
class Load:
    """What one run means for the next: whether it works (else it waits), and memory that it has not taken yet."""

    works: bool
    owes_mib: int


@dataclass(frozen=True)
class Room:
    """How many more runs may start now, and what stands in the way of one more than that."""

    more: int
    full: WaitsFor


UNSEEN = Load(works=True, owes_mib=OWN_MIB)
"""A run that was only just started: it counts in full until it has been measured, so that no herd follows it."""


def load_of(now: Seen | None, share: float | None) -> Load:
    """What a run means, out of the share of a core that it used lately (none: that is not known yet).

    What waits has taken the memory that it needs; what works may still be on the way to it.
    """
    if now is None:
        return UNSEEN
    if now.over or (share is not None and share < WAITS_BELOW):
        return Load(works=False, owes_mib=0)
    return Load(works=True, owes_mib=max(0, (SHARED_MIB if now.shared else OWN_MIB) - now.used_mib))


def at_work(machine: Machine, loads: Collection[Load]) -> int:
    """Cores that are taken: one for each run that works, and those of shared providers."""
    return sum(each.works for each in loads) + round(machine.busy)


def room(machine: Machine, loads: Collection[Load]) -> Room:
    """The rule. The first run may always start, however small the machine is: nothing waits for ever."""
    # Which way the next run goes is not known before it is made ready: the larger need.
    left_mib = machine.spare_mib - sum(each.owes_mib for each in loads)
    limits = {
        WaitsFor.MEMORY: left_mib // OWN_MIB,
        WaitsFor.CORES: machine.cores - at_work(machine, loads),
        WaitsFor.SLOT: RUNS_A_CORE * machine.cores - len(loads),
    }
    full = min(limits, key=lambda each: limits[each])
    return Room(max(limits[full], 0 if loads else 1), full)


@dataclass
class History:
    """What was seen of each run over the last seconds: the share of a core that it used comes of two looks."""

    looks: list[tuple[float, Mapping[str, Seen]]] = field(default_factory=list)

    def add(self, at: float, seen: Mapping[str, Seen]) -> None:
        """Take note of a look at a (monotonic) moment."""
        self.looks = [each for each in self.looks if at - each[0] <= STALE_S] + [(at, seen)]

    def newest(self, key: str) -> Seen | None:
        """What the last look saw of a run."""
        return self.looks[-1][1].get(key) if self.looks else None

    def share(self, key: str) -> float | None:
        """Cores that a run used between the last look and the last one that was long enough before it."""
        now = self.newest(key)
        if now is None or not now.process:
            return None
        for at, seen in reversed(self.looks[:-1]):
            passed, before = self.looks[-1][0] - at, seen.get(key)
            if before is None or before.process != now.process:
                return None
            if passed >= WINDOW_S:
                return (now.cpu_s - before.cpu_s) / passed
        return None

    def loads(self, keys: Sequence[str]) -> list[Load]:
        """What each of these runs means; one that no look has seen yet counts in full."""
        return [load_of(self.newest(key), self.share(key)) for key in keys]
