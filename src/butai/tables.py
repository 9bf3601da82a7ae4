"""Every table of every room, known before the first query: foreign keys go across rooms."""

from __future__ import annotations

import importlib

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
    """Import every room's tables into the one metadata."""
    for name in STORES:
        importlib.import_module(name)
