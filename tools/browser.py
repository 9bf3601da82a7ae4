"""A real browser for tests and pictures: the system's Chromium, installed where that is possible.

Its headless shell, which Playwright takes by default too, is the same engine without the window's parts: half the work.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Any

SHELL = "chromium-headless-shell"
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "No browser for the browser tests. Install one: on Debian `apt-get install chromium-headless-shell fonts-noto-cjk`, "
    "elsewhere Chromium or Google Chrome on PATH, or `.venv/bin/python -m playwright install chromium`."
)


def executable() -> str | None:
    """The system's Chromium; none when there is none on PATH."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def launch_options() -> dict[str, Any]:
    """Options for Playwright's `chromium.launch`. Nothing is looked up on the network by the browser itself."""
    arguments = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
    arguments += ["--disable-sync", "--disable-quic"]
    # Chromium's sandbox does not work for root; as anybody else it stays on.
    arguments += ["--no-sandbox"] if os.geteuid() == 0 else []
    found = executable()
    return {"args": arguments, **({"executable_path": found} if found else {})}


def ensure() -> bool:
    """Whether a browser is there, after trying to install one. Another one will do where the shell cannot be had."""
    return shutil.which(SHELL) is not None or _from_debian() or executable() is not None or _from_playwright()


def _from_debian() -> bool:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    print(f"Installing {SHELL} and fonts-noto-cjk with apt-get.")
    return apt_install(SHELL, "fonts-noto-cjk")


def apt_install(*packages: str) -> bool:
    """Install Debian's packages; whether that worked."""
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
    subprocess.run(["apt-get", "update", "-q"], check=False, **quiet)  # type: ignore[call-overload]
    argv = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    return bool(subprocess.run(argv, check=False, **quiet).returncode == 0)  # type: ignore[call-overload]


def _from_playwright() -> bool:
    done = subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    return done.returncode == 0


if __name__ == "__main__":
    if not ensure():
        sys.exit(MISSING)
