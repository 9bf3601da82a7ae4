"""What a page that stands alone carries, as its script reads it."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any


def carried_by(page: str) -> dict[str, Any]:
    """Of the text of a whole page."""
    held = re.search(r'id="map-data">([\w+/=]+)<', page)
    assert held is not None
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(held[1])))
    return found
