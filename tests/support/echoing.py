"""A program that writes down how it was started. For the tests of processes that become a program."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

CODE = 7


def main(file: Path) -> int:
    """Write it to the file; waits for an interrupt where the environment says so."""
    found = {
        "argv": sys.argv,
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "leads": os.getsid(0) == os.getpid(),
    }
    print("out", flush=True)
    print("err", file=sys.stderr, flush=True)
    file.write_text(json.dumps(found))
    try:
        time.sleep(float(os.environ.get("WAIT_S", "0")))
    except KeyboardInterrupt:
        return CODE + 1
    return CODE
