"""Takes the README's pictures from a demo of its own: `make screenshots`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tools.browser import launch_options

IMAGES = Path(__file__).parents[1] / "docs" / "images"
PICTURES = (
    ("environments", "/environments", "en", "light"),
    ("environments.ja", "/environments", "ja", "light"),
    ("environment", "/environments/ivr/qa-2", "en", "light"),
    ("environment.dark", "/environments/ivr/qa-2", "en", "dark"),
)


def main() -> None:
    """Start a demo, take the pictures, stop it."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "demo.log"
        with log.open("wb") as out:
            argv = [sys.executable, "-m", "butai", "demo", "--data", str(Path(folder) / "demo"), "--no-open"]
            demo = subprocess.Popen(argv, stdout=out, stderr=out, start_new_session=True)
        try:
            while not (found := re.search(r"^Portal\s+(\S+)$", log.read_text(), re.M)):
                if demo.poll() is not None:
                    sys.exit(log.read_text())
                time.sleep(0.5)
            take(found[1])
        finally:
            demo.terminate()
            demo.wait(120)


def take(portal: str) -> None:
    """Every picture, from the portal at this address."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        first = browser.new_context()
        first.new_page().goto(portal)
        for name, path, language, scheme in PICTURES:
            context = browser.new_context(
                locale=language,
                color_scheme="dark" if scheme == "dark" else "light",
                viewport={"width": 1180, "height": 430 if path == "/environments" else 900},
            )
            context.add_cookies(first.cookies())  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(portal.split("/?", maxsplit=1)[0] + path)
            page.wait_for_timeout(500)
            page.screenshot(path=str(IMAGES / f"{name}.png"))
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
