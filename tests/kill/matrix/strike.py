"""A fault: something is killed, told to end, cut off or out of disk; and how that is over again."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from butai.runs.folder import RunFolder
from kill.matrix.cells import Cell, Fault, Target
from kill.matrix.relay import Relay
from kill.matrix.stage import Stage
from support.processes import is_supervisor

# How long a network is cut, a disk full, a database away.
LASTS_S = 2.5
# No file may be longer: less than any database, log or state document has.
FULL_AT_BYTES = 16
GONE_WITHIN_S, NOTICED_WITHIN_S = 10.0, 0.5


class NothingToHitError(Exception):
    """The target was gone before the fault came, which then says nothing."""


@dataclass
class Struck:
    """What was hit: the processes, for the record; `heal` ends what lasts."""

    processes: list[psutil.Process]
    heal: Callable[[], None]
    lasts_s: float = 0.0

    def be_over(self) -> None:
        """Let it last, then end it."""
        time.sleep(self.lasts_s)
        self.heal()


def strike(stage: Stage, cell: Cell, run_id: int) -> Struck:
    """Do it now. Fails the test where nothing is there to be hit."""
    if cell.fault is Fault.CUT:
        return _cut(_ways(stage, cell.target, run_id))
    hit = processes(stage, cell.target, run_id)
    if not hit:
        raise NothingToHitError(f"{cell}: there is no {cell.target} to be hit")
    if cell.target is Target.DATABASE:
        return _fill_database(stage, hit) if cell.fault is Fault.FULL else _end_database(stage, hit, cell.fault)
    if cell.fault is Fault.FULL:
        return _fill(hit)
    for each in hit:
        each.send_signal(signal.SIGKILL if cell.fault is Fault.KILL else signal.SIGTERM)
    # Before anything goes on the signal has come: who was killed is gone, who was asked has noticed.
    psutil.wait_procs(hit, timeout=GONE_WITHIN_S if cell.fault is Fault.KILL else NOTICED_WITHIN_S)
    return Struck(hit, lambda: _stand_up(stage, cell.target))


def processes(stage: Stage, target: Target, run_id: int) -> list[psutil.Process]:
    """The living processes of a target."""
    folder = stage.run_folder(run_id)
    worker = stage.holder(run_id)
    engine = folder.living_engine() if folder else None
    found: dict[Target, list[psutil.Process | None]] = {
        Target.WORKER: [worker.living() if worker else None],
        Target.SUPERVISOR: [supervisor_of(folder) if folder else None],
        Target.ENGINE: [engine],
        Target.PROVIDER: [*providers_of(engine)],
        Target.SERVER: [stage.portal.living() if stage.portal else None],
        Target.DATABASE: [*stage.base.processes()],
    }
    return [each for each in found[target] if each is not None]


def supervisor_of(folder: RunFolder) -> psutil.Process | None:
    """The supervisor of a run's folder, while it lives."""
    return next((each for each in psutil.process_iter(["cmdline", "cwd"]) if is_supervisor(each, folder.path)), None)


def providers_of(engine: psutil.Process | None) -> list[psutil.Process]:
    """The engine's providers."""
    with contextlib.suppress(psutil.NoSuchProcess):
        children = engine.children(recursive=True) if engine else []
        return [each for each in children if each.name().startswith("terraform-prov")]
    return []


def _stand_up(stage: Stage, target: Target) -> None:
    """What somebody's init system does; of three workers only the dead one's run shows what the others do meanwhile."""
    if target is Target.WORKER and len(stage.hands) == 1:
        stage.hands[0].process.wait(30)  # type: ignore[union-attr]
        stage.begin()
    if target is Target.SERVER and stage.portal:
        stage.portal.process.wait(30)  # type: ignore[union-attr]
        stage.portal.start()


def _ways(stage: Stage, target: Target, run_id: int) -> list[Relay]:
    worker = stage.holder(run_id)
    found: dict[Target, list[Relay | None]] = {
        Target.WORKER: [worker.relay if worker else None],
        Target.SUPERVISOR: [worker.relay if worker else None],
        Target.SERVER: [stage.portal.relay if stage.portal else None],
        Target.PROVIDER: [stage.cloud_way],
        Target.DATABASE: [*stage.base.relays],
    }
    return [each for each in found[target] if each is not None]


def _cut(ways: list[Relay]) -> Struck:
    if not ways:
        raise NothingToHitError("there is no network to cut: nobody has the run any more")
    for each in ways:
        each.cut()
    return Struck([], lambda: _each(ways, Relay.mend), LASTS_S)


def _each(ways: list[Relay], what: Callable[[Relay], None]) -> None:
    for way in ways:
        what(way)


def _fill(hit: list[psutil.Process]) -> Struck:
    _limit(hit, FULL_AT_BYTES)
    return Struck(hit, lambda: _limit(hit, resource.RLIM_INFINITY), LASTS_S)


def _limit(hit: list[psutil.Process], bytes_: int) -> None:
    for each in hit:
        with contextlib.suppress(psutil.NoSuchProcess):
            if each.uids().real == os.getuid():
                each.rlimit(psutil.RLIMIT_FSIZE, (bytes_, resource.RLIM_INFINITY))
            else:
                # Another user's process (PostgreSQL never runs as root) is limited by that user.
                words = "unlimited" if bytes_ == resource.RLIM_INFINITY else str(bytes_)
                argv = ["prlimit", f"--pid={each.pid}", f"--fsize={words}:unlimited"]
                subprocess.run(argv, check=False, capture_output=True, user=each.uids().real, extra_groups=[])


def _fill_database(stage: Stage, hit: list[psutil.Process]) -> Struck:
    """PostgreSQL gives up where it cannot write its journal; it is started again when there is room."""
    postgres = stage.base.postgres
    assert postgres is not None
    _limit(hit, FULL_AT_BYTES)

    def again() -> None:
        living = stage.base.processes()
        _limit(living, resource.RLIM_INFINITY)
        psutil.wait_procs(living[:1], timeout=NOTICED_WITHIN_S)
        if postgres.process.poll() is not None:
            psutil.wait_procs([*hit, *living], timeout=GONE_WITHIN_S)
            postgres.again()

    return Struck(hit, again, LASTS_S)


def _end_database(stage: Stage, hit: list[psutil.Process], fault: Fault) -> Struck:
    postgres = stage.base.postgres
    assert postgres is not None
    first = postgres.process
    if fault is Fault.TERM:
        first.terminate()
    else:
        for each in hit:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()

    def again() -> None:
        if first.poll() is None:
            # It waits for its clients to leave by themselves; an operator does not.
            first.send_signal(signal.SIGINT)
        first.wait(30)
        # A server refuses to start as long as a process of its last life is still going.
        psutil.wait_procs(hit, timeout=30)
        postgres.again()

    return Struck(hit, again, LASTS_S)
