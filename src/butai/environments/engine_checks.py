"""Blueprints for which a plan was made on both ways, and whether it was the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from butai.db import Database
from butai.environments.store import EngineCheck
from butai.terraform.engine import Engine
from butai.terraform.packages import ProviderBinary


def versions_of(engine: Engine, binary: ProviderBinary) -> str:
    """A digest of an engine and the program of a provider, under which the finding is kept."""
    told = f"{engine}\n{binary.source} {binary.version} {binary.digest}"
    return hashlib.sha256(told.encode()).hexdigest()


def all_equal(database: Database, blueprint: str, engine: Engine, binaries: Iterable[ProviderBinary]) -> bool:
    """Whether both ways were found equal for this blueprint with all of these; not so where nothing was compared."""
    keys = [(blueprint, versions_of(engine, each)) for each in binaries]
    with database.reading() as session:
        found = [session.get(EngineCheck, key) for key in keys]
    return bool(found) and all(each is not None and each.equal for each in found)


def found_by(database: Database, run: int) -> bool | None:
    """What the comparison of a run found; none where it found nothing out, or a newer one took its place."""
    with database.reading() as session:
        found = list(session.scalars(select(EngineCheck.equal).where(EngineCheck.run_id == run)))
    return all(found) if found else None


def keep(session: Session, blueprint: str, versions: Iterable[str], *, equal: bool, run: int, at: datetime) -> None:
    """Keep what a comparison found; the newest one counts."""
    for each in versions:
        session.merge(EngineCheck(blueprint=blueprint, versions=each, equal=equal, at=at, run_id=run))
