"""The tables' common ground: one engine, one session shape, UTC times. Rooms keep their own tables in `store.py`."""

from butai.db.base import AWAY, Base, Database, UtcDateTime

__all__ = ["AWAY", "Base", "Database", "UtcDateTime"]
