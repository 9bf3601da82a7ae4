"""What `support.carrying` offers the tests of runs here."""

from __future__ import annotations

from support.bucket import s3
from support.carrying import environment, there

__all__ = ["environment", "s3", "there"]
