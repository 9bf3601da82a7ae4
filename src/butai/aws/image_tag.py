"""The tag of an image that is named after a branch."""

from __future__ import annotations

import re

MAX_LENGTH = 128


def tag_of(branch: str) -> str:
    """A branch's name made fit for an image's tag: `feature/x` becomes `feature-x`.

    Empty where nothing of the name fits.
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", branch).lstrip(".-")[:MAX_LENGTH]
