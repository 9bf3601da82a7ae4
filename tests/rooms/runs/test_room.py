"""How many more runs may start: never more at work than cores, never more than memory allows, always at least one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from butai.runs.capacity import PROVIDERS, Measured
from butai.runs.queue import WaitsFor
from butai.runs.room import (
    OWN_MIB,
    RESERVE_MIB,
    RUNS_A_CORE,
    SHARED_MIB,
    UNSEEN,
    History,
    Load,
    Machine,
    Room,
    Seen,
    load_of,
    room,
)

MACHINES = st.builds(
    Machine,
    cores=st.integers(1, 16),
    total_mib=st.integers(512, 65536),
    free_mib=st.integers(0, 65536),
    busy=st.floats(0, 16),
)
LOADS = st.lists(st.builds(Load, works=st.booleans(), owes_mib=st.integers(0, OWN_MIB)), max_size=40)
BIG = Machine(cores=4, total_mib=64_000, free_mib=60_000)
WAITS, WORKS = Load(works=False, owes_mib=0), Load(works=True, owes_mib=0)


@given(MACHINES, LOADS)
def test_what_starts_fits_cores_and_memory_and_something_always_goes_on(machine: Machine, loads: list[Load]) -> None:
    found = room(machine, loads)
    assert found.more >= 0 and found.more + len(loads) >= 1
    if found.more and loads:
        assert found.more + sum(each.works for each in loads) <= machine.cores
        assert found.more + len(loads) <= RUNS_A_CORE * machine.cores
        assert found.more * OWN_MIB + sum(each.owes_mib for each in loads) <= machine.spare_mib
        assert machine.free_mib - found.more * OWN_MIB >= RESERVE_MIB


@given(MACHINES, LOADS)
def test_after_what_may_start_has_started_nothing_more_may(machine: Machine, loads: list[Load]) -> None:
    found = room(machine, loads)
    after = room(machine, [*loads, *[UNSEEN] * found.more])
    assert after.more == 0, "before it is measured, no herd follows"


@given(MACHINES, st.integers(1, 40))
def test_when_all_work_no_more_work_than_there_are_cores(machine: Machine, rounds: int) -> None:
    going: list[Load] = []
    for _ in range(rounds):
        going += [WORKS] * room(machine, going).more
    assert 1 <= len(going) <= machine.cores


def test_each_limit_is_said_by_name() -> None:
    assert room(BIG, []) == Room(4, WaitsFor.CORES)
    assert room(BIG, [WORKS] * 4) == Room(0, WaitsFor.CORES)
    assert room(BIG, [WAITS] * 20) == Room(4, WaitsFor.CORES), "what waits hardly counts"
    assert room(BIG, [WAITS] * 32) == Room(0, WaitsFor.SLOT)
    assert room(replace(BIG, busy=3.6), [WAITS]) == Room(0, WaitsFor.CORES), "shared providers are at work for all"
    small = Machine(cores=4, total_mib=4000, free_mib=RESERVE_MIB + 2 * OWN_MIB)
    assert room(small, [WAITS]) == Room(2, WaitsFor.MEMORY)
    assert room(small, [UNSEEN, WAITS]) == Room(1, WaitsFor.MEMORY)
    assert room(replace(small, free_mib=10), []) == Room(1, WaitsFor.MEMORY), "one may always go on"
    assert replace(BIG, total_mib=60_000, free_mib=6001).spare_mib == 1


def test_what_a_run_means() -> None:
    assert load_of(None, None) == UNSEEN
    assert load_of(Seen(over=True), None) == WAITS
    assert load_of(Seen("1", used_mib=100), 0.05) == WAITS
    assert load_of(Seen("1", used_mib=100), 0.5) == Load(works=True, owes_mib=OWN_MIB - 100)
    assert load_of(Seen("1", used_mib=100, shared=True), None) == Load(works=True, owes_mib=SHARED_MIB - 100)
    assert load_of(Seen("1", used_mib=5000), 0.5).owes_mib == 0


def test_the_share_of_a_core_comes_of_two_looks_at_the_same_command() -> None:
    history = History()
    for at, seconds in ((0.0, 0.0), (1.0, 1.0), (2.0, 1.1), (3.0, 1.2)):
        history.add(at, {"7": Seen("engine/1", seconds)})
    assert history.share("7") == (1.2 - 1.0) / 2
    assert history.share("8") is None
    history.add(4.0, {"7": Seen("engine/2", 1.2)})
    assert history.share("7") is None, "another command has only begun"
    history.add(60.0, {"7": Seen("engine/2", 1.3)})
    assert history.share("7") is None, "too long ago to say how it is now"
    history.add(70.0, {"7": Seen("", 1.3)})
    history.add(72.5, {"7": Seen("", 1.3)})
    assert history.share("7") is None, "no engine yet: it is made ready, which is work"


class Pretended:
    """A machine with one core, and runs that work or wait, at a pretended time."""

    def __init__(self, *working: int) -> None:
        self.working, self.now, self.looks = working, 0.0, 0
        self.measured = Measured(self.look, lambda busy: replace(BIG, cores=1, busy=busy), lambda: self.now)

    def look(self, going: Collection[int]) -> dict[str, Seen]:
        self.looks += 1
        seen = {str(run): Seen("engine", self.now if run in self.working else 0.0, 900) for run in going}
        return {**seen, PROVIDERS: Seen("host", self.now * 0.2)}

    def pass_by(self, seconds: float) -> list[int]:
        """The runs that go on after so long, where there is always one more that wants to."""
        going: list[int] = []
        until = self.now + seconds
        while self.now < until:
            going += range(len(going), len(going) + self.measured.offer(going).room.more)
            self.now += 0.1
        return going


def test_on_one_core_runs_that_wait_go_on_together_and_those_that_work_one_by_one() -> None:
    waiting = Pretended()
    assert waiting.pass_by(1.5) == [0], "the next starts when this one was seen waiting"
    assert len(Pretended().pass_by(30)) == RUNS_A_CORE
    assert Pretended(0).pass_by(30) == [0]
    assert Pretended(2).pass_by(30) == [0, 1, 2]


def test_the_machine_is_looked_at_once_a_second_and_its_runs_only_where_there_are_some() -> None:
    idle = Pretended()
    for _ in range(50):
        idle.measured.offer([])
        idle.now += 0.1
    assert idle.looks == 0
    busy = Pretended(0)
    busy.pass_by(10)
    assert 8 <= busy.looks <= 10


def test_the_figures_are_told_with_the_room() -> None:
    offer = Pretended().measured.offer([])
    assert offer.room == Room(1, WaitsFor.CORES)
    busy = Pretended(0, 1, 2)
    assert (busy.measured.offer([0, 1, 2]).measured or {})["working"] == 1, "not more than there are"
    assert offer.measured == {
        "cores": 1,
        "total_mib": 64_000,
        "free_mib": 60_000,
        "busy": 0.0,
        "working": 0,
        "full": "cores",
    }
