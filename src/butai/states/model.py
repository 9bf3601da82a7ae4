"""Rules of states and their locks: who may write what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from butai.terraform.state import MASK, StateObject, StateOutput, objects, summary
from butai.text import text

SHOWN_CHARACTERS = 200


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


def why_not_import(new: Head | None, newest: Head | None) -> str:
    """Why a document that a person gives may not become the newest version; empty when it may.

    More than `why_not_write` asks of an engine: an engine writes one serial again and again, a person's document of the
    present serial would be something else under the same number.
    """
    reason = why_not_write(new, newest)
    if not reason and new is not None and newest is not None and new.serial == newest.serial:
        return text("Its serial {new} is that of the newest version: a successor has a higher one.", new=new.serial)
    return reason


def as_successor(document: bytes, newest: Head) -> bytes:
    """The same content as the version after the newest: same lineage, next serial."""
    content: Any = json.loads(document)
    return json.dumps({**content, "serial": newest.serial + 1, "lineage": newest.lineage}, indent=2).encode()


@dataclass(frozen=True)
class ChangedResource:
    """A resource that both versions have, with other content. Only names: what they hold may be secret.

    `tainted`: whether it is tainted in the later version, where that differs.
    """

    address: str
    attributes: tuple[str, ...]
    tainted: bool | None = None


@dataclass(frozen=True)
class ChangedOutput:
    """An output that differs, as it may be shown; none where a version does not have it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class StateDiff:
    """What is different in the later one of two versions."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[ChangedResource, ...]
    outputs: tuple[ChangedOutput, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs that a state is for."""
        return not (self.added or self.removed or self.changed or self.outputs)


def diff(before: bytes, after: bytes) -> StateDiff:
    """What the second of two state documents has otherwise. No value of an attribute or a sensitive output is in it."""
    old, new = objects(before), objects(after)
    return StateDiff(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(_changed(old, new)),
        outputs=tuple(_changed_outputs(summary(before).outputs, summary(after).outputs)),
    )


def _changed(old: Mapping[str, StateObject], new: Mapping[str, StateObject]) -> Iterator[ChangedResource]:
    for address in sorted(old.keys() & new.keys()):
        was, now = old[address], new[address]
        names = was.attributes.keys() | now.attributes.keys()
        differ = tuple(sorted(name for name in names if _other(was.attributes, now.attributes, name)))
        tainted = now.tainted if was.tainted != now.tainted else None
        if differ or tainted is not None:
            yield ChangedResource(address, differ, tainted)


def _other(was: Mapping[str, Any], now: Mapping[str, Any], name: str) -> bool:
    # As JSON: in Python 1 equals true, and a state that says otherwise is another one. Absent means null to an engine.
    return _as_json(was.get(name)) != _as_json(now.get(name))


def _changed_outputs(before: tuple[StateOutput, ...], after: tuple[StateOutput, ...]) -> Iterator[ChangedOutput]:
    old, new = {each.name: each for each in before}, {each.name: each for each in after}
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was and now and (_as_json(was.value), was.sensitive) == (_as_json(now.value), now.sensitive):
            continue
        # Sensitive on one side: then the other side's value would tell it.
        hide = any(each and each.sensitive for each in (was, now))
        yield ChangedOutput(name, _shown(was, hide), _shown(now, hide))


def _shown(output: StateOutput | None, hide: bool) -> str | None:
    if output is None:
        return None
    if hide:
        return MASK
    words = output.value if isinstance(output.value, str) else _as_json(output.value)
    return words[:SHOWN_CHARACTERS]


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


class Holder(StrEnum):
    """Whether whoever took an engine's lock still lives, as seen from one machine."""

    LIVES = "lives"
    DEAD = "dead"
    UNSEEN = "unseen"


def holder_of(*, going: bool, here: bool, alive: bool) -> Holder:
    """The holder of a lock, from what can be seen: its run goes on under a living worker, its folder is on this machine,
    and an engine or a supervisor lives in that folder.
    """
    if going or (here and alive):
        return Holder.LIVES
    return Holder.DEAD if here else Holder.UNSEEN
