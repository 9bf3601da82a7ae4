"""Rules of states and their locks: who may write what."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from butai.text import text


@dataclass(frozen=True)
class Lock:
    """A lock as the engine asked for it. `run_id` is the run under which it was taken."""

    lock_id: str
    who: str
    operation: str
    run_id: int
    taken_at: datetime


@dataclass(frozen=True)
class Head:
    """What is known of a state's newest version without opening it."""

    serial: int
    lineage: str


def parse_head(content: bytes) -> Head | None:
    """Serial and lineage of a state document; none when it is not one."""
    try:
        document: Any = json.loads(content)
        return Head(int(document["serial"]), str(document["lineage"]))
    except (ValueError, KeyError, TypeError):
        return None


def why_not_write(new: Head | None, newest: Head | None) -> str:
    """Why a write must be refused; empty when it may go through.

    A state of another lineage is another environment's or a fresh start over living resources; an older serial would
    bring back a past that has been changed since.
    """
    if new is None:
        return text("The body is not a Terraform state (version 4).")
    if newest is None:
        return ""
    if new.lineage != newest.lineage:
        return text("Its lineage {new} is not this environment's ({newest}).", new=new.lineage, newest=newest.lineage)
    if new.serial < newest.serial:
        return text("Its serial {new} is older than the stored {newest}.", new=new.serial, newest=newest.serial)
    return ""


def parse_lock(body: bytes, *, run_id: int, now: datetime) -> Lock | None:
    """The engine's LOCK request; none when it is not one."""
    try:
        info: Any = json.loads(body)
        return Lock(str(info["ID"]), str(info.get("Who", "")), str(info.get("Operation", "")), run_id, now)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def lock_as_json(lock: Lock) -> dict[str, str]:
    """A lock in the engine's own shape, as a conflict answers it."""
    return {
        "ID": lock.lock_id,
        "Who": lock.who,
        "Operation": lock.operation,
        "Created": lock.taken_at.isoformat(),
        "Info": f"run {lock.run_id}",
    }
