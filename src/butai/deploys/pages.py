"""The portal's side of deploys."""

from __future__ import annotations

from butai.deploys.api import router as api_router

__all__ = ["api_router"]
