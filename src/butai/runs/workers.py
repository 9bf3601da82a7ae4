"""The workers: who is alive, what they hold, and what becomes of the runs of one that is not."""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from butai import __version__
from butai.datafolder import write_private
from butai.errors import NotFoundError, RefusedError, did_you_mean
from butai.runs.queue import Hand, WaitsFor
from butai.runs.store import Worker
from butai.text import text

BEAT_EVERY_S = 3.0
# Five beats: a garbage collection or a slow disk is no death.
SILENT_AFTER_S = 15.0
# Who listens is to look every two seconds; who did not for so long has heard nothing meanwhile.
DEAF_AFTER_S = 8.0


def identity(data: Path) -> str:
    """The stable id of the worker of a data folder, made at its first start."""
    file = data / "worker.id"
    if not file.exists():
        write_private(file, f"{platform.node()[:20] or 'worker'}-{secrets.token_hex(4)}".encode())
    return file.read_text().strip()


def this_machine() -> str:
    """A name for where process numbers mean the same: the boot of this kernel and the process namespace in it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{platform.node()}/{int(psutil.boot_time())}"


def register(
    session: Session, worker_id: str, *, slots: int, labels: Mapping[str, str], now: datetime, cap: int = 0
) -> None:
    """Say that this process is the worker now."""
    row = session.get(Worker, worker_id) or Worker(id=worker_id, beat=0)
    row.cap, row.declared_dead_by, row.room = cap, "", None
    row.host, row.machine, row.pid = platform.node(), this_machine(), os.getpid()
    row.pid_started, row.slots, row.labels = psutil.Process().create_time(), slots, dict(labels)
    row.version, row.started_at, row.seen_at = __version__, now, now
    row.stopped_at, row.declared_dead_at, row.beat = None, None, row.beat + 1
    session.add(row)


def beat(session: Session, worker_id: str, now: datetime) -> bool:
    """One sign of life; false when a person has declared this worker's machine dead."""
    row = session.get_one(Worker, worker_id)
    row.beat, row.seen_at = row.beat + 1, now
    return row.declared_dead_at is None


def tell_room(session: Session, worker_id: str, slots: int, measured: Mapping[str, Any] | None) -> None:
    """Say how many runs the worker takes at once as it is now, and where that is measured, out of which figures."""
    row = session.get_one(Worker, worker_id)
    row.slots, row.room = slots, dict(measured) if measured else None


def everyone(session: Session) -> list[Worker]:
    """All workers that ever were, the newest first."""
    return list(session.scalars(select(Worker).order_by(Worker.started_at.desc())))


def living(session: Session, now: datetime) -> list[Hand]:
    """Workers that were heard of lately, for what a page says (nothing is decided by clocks of two machines)."""
    return [hand_of(row) for row in session.scalars(select(Worker).where(*_alive(now)))]


def hand_of(row: Worker) -> Hand:
    """A worker as the rules of the queue see it."""
    return Hand(row.id, row.labels, row.slots, WaitsFor(row.room["full"]) if row.room else WaitsFor.SLOT)


def _alive(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Worker.stopped_at.is_(None), Worker.seen_at > now - timedelta(seconds=SILENT_AFTER_S)


def cap_of(session: Session, now: datetime) -> int:
    """Runs at once in all, as the living workers were told; 0 for no limit."""
    told = session.scalars(select(Worker.cap).where(*_alive(now))).all()
    return max(told, default=0) if all(told) else 0


def declare_dead(session: Session, worker_id: str, *, by: str, now: datetime) -> Worker:
    """A person says that a worker's machine is gone for good: others end its runs. Refused while it is heard of."""
    row = session.get(Worker, worker_id)
    if row is None:
        known = session.scalars(select(Worker.id))
        raise NotFoundError(
            text("There is no worker `{id}`.", id=worker_id),
            next=did_you_mean(worker_id, known) or text("`butai workers` lists them."),
            code="unknown-worker",
        )
    heard = now - row.seen_at
    if row.stopped_at is None and heard < timedelta(seconds=SILENT_AFTER_S):
        raise RefusedError(
            text("Worker `{id}` is alive.", id=worker_id),
            why=text("It was heard of {seconds} seconds ago.", seconds=max(0, int(heard.total_seconds()))),
            next=text("Stop it on {host} with SIGTERM; its engines then go on by themselves.", host=row.host),
            code="worker-alive",
        )
    row.declared_dead_at, row.declared_dead_by = row.declared_dead_at or now, row.declared_dead_by or by
    return row


def process_is_gone(row: Worker) -> bool | None:
    """Whether a worker's process is gone, as seen from here; none when it cannot be seen from here."""
    if row.machine != this_machine():
        return None
    try:
        process = psutil.Process(row.pid)
        return process.create_time() != row.pid_started or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@dataclass
class Silence:
    """How long each worker has been silent while this process could listen. Clocks of other machines play no part."""

    heard: dict[str, tuple[int, float]] = field(default_factory=dict)
    listened_at: float = float("inf")

    def after(self, beats: Mapping[str, int], at: float) -> dict[str, float]:
        """Take note of every worker's beat at a (monotonic) moment; seconds of silence of each."""
        if at - self.listened_at > DEAF_AFTER_S:
            # This process, or the database under everybody, stood still: others may be about to be heard.
            self.forget()
        self.listened_at = at
        for worker, number in beats.items():
            if worker not in self.heard or self.heard[worker][0] != number:
                self.heard[worker] = (number, at)
        return {worker: at - self.heard[worker][1] for worker in beats}

    def forget(self) -> None:
        """The database was away: nobody could be heard, so that time counts for nobody."""
        self.heard.clear()
