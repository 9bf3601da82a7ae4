"""Every table of every room, known before the first query: foreign keys go across rooms."""

from __future__ import annotations

import importlib

from sqlalchemy.orm import configure_mappers

STORES = (
    "butai.blueprints.store",
    "butai.leases.store",
    "butai.environments.store",
    "butai.environments.rollout_store",
    "butai.inventory.coverage_store",
    "butai.inventory.prices_store",
    "butai.inventory.store",
    "butai.runs.store",
    "butai.states.store",
)


def load_tables() -> None:
    """Import every room's tables into the one metadata, and how they are mapped: forks need not do it at their first query."""
    for name in STORES:
        importlib.import_module(name)
    configure_mappers()
