"""A page as it looks to everybody: light and dark, wide and narrow, without loading it anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from playwright.sync_api import Page

LANGUAGES = ("en", "ja")
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_WIDTHS = (1280, 390)


def looks(page: Page) -> Iterator[str]:
    """Shows the page in each look; nothing may stand out to the side. The look's name, as for a picture's file."""
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, width)
        for scheme in _SCHEMES:
            page.emulate_media(color_scheme=scheme)
            yield f"{scheme}-{width}"
