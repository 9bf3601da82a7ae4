"""How far a service's database is, as far as tasks of Butai's runs brought it there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, Field

from butai.runs.migrations import Migrated

Told = Mapping[str, Mapping[str, Any]]


class MigrationsShape(BaseModel):
    """The migrations of a service's database. What somebody ran by hand is not among them."""

    had: list[str] = Field(description="What it has had, by name.")
    ahead: list[str] = Field(description="What of it the version that runs does not know.")
    branch: str = Field(description="Of the newest version whose tasks ran.")
    commit: str


def after_run(before: Told, run: Migrated, placed: Collection[str]) -> dict[str, dict[str, Any]]:
    """What is known after a run: tasks that ended well have brought a database to all that their version knows.

    `placed`: services that have the run's version now. A database never loses what it has had: nothing here runs backwards.
    """
    found = {name: dict(each) for name, each in before.items()}
    for name, known in run.known.items():
        entry = found.setdefault(name, {"had": [], "known": known, "branch": "", "commit": ""})
        if name in run.ran:
            version = run.versions[name]
            entry["had"] = sorted({*entry["had"], *known})
            entry |= {"branch": version["branch"], "commit": version["commit"]}
        if name in placed:
            entry["known"] = known
    return found


def shape(told: Mapping[str, Any] | None) -> MigrationsShape | None:
    """One service's, for others to see; nothing where nothing is known."""
    if not told or not told["had"]:
        return None
    ahead = [each for each in told["had"] if each not in set(told["known"])]
    return MigrationsShape(had=told["had"], ahead=ahead, branch=told["branch"], commit=told["commit"])
