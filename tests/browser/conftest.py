"""A real browser, and pages that fail the test when the browser complains."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from support.portal import Portal, Visit
from tools.browser import MISSING, executable, launch_options


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. Where there is none the tests fail and say what to install."""
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(**launch_options())
        except Exception as error:
            pytest.fail(f"{MISSING}\n({executable()}: {error})", pytrace=False)
        yield started
        started.close()


@pytest.fixture
def watched() -> Iterator[Callable[[BrowserContext], Page]]:
    """Opens pages; at the end of the test nothing may stand in their consoles but refused forms (4xx)."""
    complaints: list[str] = []

    def open_page(context: BrowserContext) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        return page

    yield open_page
    serious = [text for text in complaints if "the server responded with a status of 4" not in text]
    assert not serious, serious


@pytest.fixture
def visit(browser: Browser, watched: Callable[[BrowserContext], Page]) -> Iterator[Visit]:
    """Opens a page as somebody with a browser of their own, signed in; closed at the end: an open page costs until then."""
    contexts: list[BrowserContext] = []

    def open_page(portal: Portal, **look: Any) -> Page:
        contexts.append(portal.signed_in(browser, **look))
        return watched(contexts[-1])

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def shot() -> Callable[[Page, str], None]:
    """Takes a picture where BUTAI_SHOTS names a folder."""

    def take(page: Page, name: str) -> None:
        folder = os.environ.get("BUTAI_SHOTS")
        if folder:
            page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)

    return take
