"""What the tests need of the machine and Python's packages cannot bring: a browser, an engine, a Redis server."""

from __future__ import annotations

import os
import shutil
import sys

from tools import browser

NO_ENGINE = (
    "No terraform and no tofu on PATH: the tests run the real engine. Install one, and where no registry can be "
    "reached name a mirror with hashicorp/aws in BUTAI_PROVIDER_MIRROR."
)
NO_REDIS = (
    "No redis-server on PATH: the local cloud is proved with a real one too. On Debian: apt-get install redis-server."
)


def main() -> int:
    """Install what can be installed; say what is missing. Missing parts that the tests cannot do without: exit code 1."""
    problems = []
    if not browser.ensure():
        problems.append(browser.MISSING)
    if not (shutil.which("terraform") or shutil.which("tofu")):
        problems.append(NO_ENGINE)
    if shutil.which("git") is None:
        problems.append("git is missing: install it (on Debian: apt-get install git).")
    if not _redis():
        problems.append(NO_REDIS)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _redis() -> bool:
    """The tests prove the local cloud with a real Redis as well as with the built-in one."""
    if shutil.which("redis-server") or shutil.which("valkey-server"):
        return True
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing redis-server with apt-get.")
        browser.apt_install("redis-server")
    return shutil.which("redis-server") is not None


if __name__ == "__main__":
    sys.exit(main())
