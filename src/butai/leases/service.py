"""Lending and giving back. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.orm import Session

from butai.leases import store
from butai.leases.model import (
    CidrPool,
    Domain,
    Label,
    ListPool,
    Pool,
    PoolExhaustedError,
    Range,
    Subdomain,
    Things,
    capacity,
    pick,
    refuse_lent,
    scope,
)

__all__ = [
    "CidrPool",
    "Domain",
    "Held",
    "Label",
    "ListPool",
    "Pool",
    "PoolExhaustedError",
    "PoolUse",
    "Range",
    "Subdomain",
    "Things",
    "give_back",
    "of",
    "overview",
    "take_all",
]


@dataclass(frozen=True)
class Held:
    """One open lease."""

    pool: str
    value: str
    environment_id: int
    environment_name: str
    taken_at: datetime


@dataclass(frozen=True)
class PoolUse:
    """One pool and who holds what of it. `capacity` is None for host names; `pool` is None when nothing declares it."""

    name: str
    pool: Pool | None
    capacity: int | None
    held: tuple[Held, ...]


def take_all(
    session: Session,
    blueprint: str,
    environment_id: int,
    environment_name: str,
    pools: Mapping[str, Pool],
    *,
    now: datetime,
    wished: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """One value of every pool for the environment, all or none: pool name -> value.

    What the environment already holds it keeps, also where the pool was changed since: asking twice is harmless, and a
    pool that is new in the blueprint is lent on the next call. `wished`: values that it has already, by pool. Raises
    PoolExhaustedError before anything is written.
    """
    store.queue_up(session)
    kept = of(session, environment_id)
    missing = {name: pool for name, pool in pools.items() if name not in kept}
    scopes = {name: scope(pool, blueprint, name) for name, pool in missing.items()}
    taken: dict[str, dict[str, str]] = {key: {} for key in scopes.values()}
    for row in store.open_in(session, taken):
        taken[row.scope][row.value] = row.holder
    picked: dict[str, str] = {}
    for name, pool in missing.items():
        if name in wished:
            refuse_lent(pool, wished[name], taken[scopes[name]], pool_name=name)
        picked[name] = wished.get(name) or pick(pool, taken[scopes[name]], environment_name, pool_name=name)
        taken[scopes[name]][picked[name]] = f"{blueprint}/{environment_name}"
    session.add_all(
        store.LeaseRow(
            blueprint=blueprint,
            pool=name,
            scope=scopes[name],
            value=value,
            environment_id=environment_id,
            environment_name=environment_name,
            taken_at=now,
        )
        for name, value in picked.items()
    )
    session.flush()
    return {name: kept.get(name) or picked[name] for name in pools}


def give_back(session: Session, environment_id: int, *, now: datetime) -> dict[str, str]:
    """Give back everything the environment holds (pool name -> value). Twice is harmless.

    Only for an environment that is known to hold nothing any more: who calls this has verified the destroy.
    """
    rows = store.open_of(session, environment_id)
    for row in rows:
        row.released_at = now
    session.flush()
    return {row.pool: row.value for row in rows}


def of(session: Session, environment_id: int) -> dict[str, str]:
    """What the environment holds: pool name -> value."""
    return {row.pool: row.value for row in store.open_of(session, environment_id)}


def overview(session: Session, blueprint: str, pools: Mapping[str, Pool]) -> list[PoolUse]:
    """Every pool the blueprint declares, then those it no longer declares but that are still lent."""
    held: dict[str, list[Held]] = {name: [] for name in pools}
    for row in store.open_of_blueprint(session, blueprint):
        entry = Held(row.pool, row.value, row.environment_id, row.environment_name, row.taken_at)
        held.setdefault(row.pool, []).append(entry)
    return [_use(name, pools.get(name), entries) for name, entries in held.items()]


def _use(name: str, pool: Pool | None, held: list[Held]) -> PoolUse:
    return PoolUse(name, pool, capacity(pool) if pool else None, tuple(held))
