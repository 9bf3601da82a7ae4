"""A command that talks to a server loads none of what servers, workers and readers of whole repositories are made of."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("boto3", "cryptography", "fastapi", "hpack", "jinja2", "sqlalchemy", "butai.terraform.evaluation")
PROGRAM = "import sys, butai.cli; print(*(name for name in sys.argv[1:] if name in sys.modules))"


def test_the_command_line_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, *HEAVY], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
