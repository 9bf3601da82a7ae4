"""What `support.carrying` offers the tests of runs here."""

from __future__ import annotations

from support.carrying import environment, there

__all__ = ["environment", "there"]
