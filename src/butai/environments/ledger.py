"""What an environment's runs made, and what became of it: folded from their logs and compared with the state. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Change:
    """One line of a run's log that tells of a resource.

    `kind` is started, done, failed or unanswered (its provider went away under it) of an `action` create or delete; or
    what was learnt later: adopted (a state has it now), found (by its name, and nobody knows whose it is) or gone.
    `begun_in`: of these three, the run that began the creation.
    """

    kind: str
    action: str
    address: str
    type: str
    id: str = ""
    run: int = 0
    begun_in: int = 0
    at: datetime | None = None


@dataclass(frozen=True)
class Creation:
    """Something that was made, or may have been made (`id` empty: its creation was begun and its end never seen).

    `run` began it, at `began_at`. `found`: a thing with its name is there, but it cannot be told whether this run made it.
    """

    address: str
    type: str
    id: str
    run: int = 0
    found: str = ""
    began_at: datetime | None = None

    def as_stored(self) -> dict[str, Any]:
        """What is kept of it with its environment."""
        return {"address": self.address, "type": self.type, "id": self.id, "run": self.run, "found": self.found}


@dataclass(frozen=True)
class Known:
    """A thing that a state knows."""

    address: str
    type: str
    id: str


_STATE_ONLY = re.compile(r"terraform_data|null_resource|(random|time|tls)_\w+")


def is_state_only(type_: str) -> bool:
    """Whether things of this type are nowhere but in a state: one that no state knows is not there at all."""
    return _STATE_ONLY.fullmatch(type_) is not None


_Key = tuple[str, str]


def unresolved(changes: Iterable[Change], forgotten: Iterable[dict[str, Any]] = ()) -> list[Creation]:
    """Creations without a deletion, over all runs of an environment in order, without those that a person has ruled out.

    An apply that was killed shows a start without an end: what it made has no id, a later apply makes another one, and
    the first must be looked for by name.
    """
    fold = _Fold()
    for change in changes:
        fold.add(change)
    ruled_out = {(each["address"], each["id"], each["run"]) for each in forgotten}
    return [each for each in fold.open.values() if (each.address, each.id, each.run) not in ruled_out]


class _Fold:
    """The open creations after the changes so far."""

    def __init__(self) -> None:
        self.open: dict[_Key, Creation] = {}
        self._failed: dict[_Key, Creation] = {}
        self._going: dict[_Key, str] = {}

    def add(self, change: Change) -> None:
        """One change more."""
        if change.action == "delete":
            self._delete(change)
        elif change.kind in ("adopted", "found", "gone"):
            self._learn(change)
        elif change.action == "create":
            self._create(change)

    def _create(self, change: Change) -> None:
        key = _unnamed(change.address, change.run)
        if change.kind == "started":
            self.open[key] = Creation(change.address, change.type, "", change.run, began_at=change.at)
        elif change.kind == "done":
            begun = self.open.pop(key, None)
            at = begun.began_at if begun else change.at
            self.open[change.address, change.id] = Creation(
                change.address, change.type, change.id, change.run, began_at=at
            )
        elif change.kind == "failed" and key in self.open:
            # The engine saw the failure itself: whatever came into being stands in its state, tainted, under this address.
            self._failed[key] = self.open.pop(key)
        elif change.kind == "unanswered" and key in self._failed:
            # Except where the provider itself was gone: then nobody knows what it did last.
            self.open[key] = self._failed.pop(key)

    def _learn(self, change: Change) -> None:
        key = _unnamed(change.address, change.begun_in)
        if change.kind == "found" and key in self.open:
            self.open[key] = replace(self.open[key], found=change.id)
            return
        had = self.open.pop(key, None) or self.open.pop((change.address, change.id), None)
        if change.kind == "adopted" and had:
            self.open[change.address, change.id] = replace(had, id=change.id, found="")

    def _delete(self, change: Change) -> None:
        place = (change.address, str(change.run))
        if change.kind == "started":
            # Only its start names the id.
            self._going[place] = change.id
        elif change.kind == "done":
            self._resolve(change.address, change.type, change.id or self._going.get(place, ""))

    def _resolve(self, address: str, type_: str, id_: str) -> None:
        """By address and id; by the id somebody found for it; by type and id where it was moved; else the address's oldest."""
        if self.open.pop((address, id_), None) is not None:
            return
        found = (key for key, made in self.open.items() if id_ and (made.address, made.found) == (address, id_))
        moved = (key for key, made in self.open.items() if id_ and (made.type, made.id) == (type_, id_))
        oldest = (key for key, made in self.open.items() if key[0] == address and made.id)
        key = next(found, None) or next(moved, None) or next(oldest, None)
        if key:
            del self.open[key]


def _unnamed(address: str, run: int) -> _Key:
    return address, f"begun in run {run}"


@dataclass(frozen=True)
class Compared:
    """Open creations beside a state. `adopted`: it turned out which id one has; `missing`: no state knows them."""

    adopted: Sequence[Creation]
    missing: Sequence[Creation]


def compare(open_: Sequence[Creation], state: Iterable[Known]) -> Compared:
    """Which of the open creations the state accounts for.

    One without an id is the thing that the state has under its address, where no creation that was seen explains that.
    """
    known = list(state)
    there = {(each.type, each.id) for each in known}
    free: dict[str, list[str]] = {}
    explained = {(each.address, each.id) for each in open_ if each.id}
    for each in known:
        if (each.address, each.id) not in explained:
            free.setdefault(each.address, []).append(each.id)
    adopted, missing = [], []
    for made in open_:
        if made.id:
            missing += [made] if (made.type, made.id) not in there else []
        elif free.get(made.address):
            adopted.append(replace(made, id=free[made.address].pop()))
        else:
            missing.append(made)
    return Compared(adopted, missing)
