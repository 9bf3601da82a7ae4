"""The program that tells which attributes a plan would change, after the engine has made the plan.

    python -m butai.environments.telling PLAN_FILE SHOW_COMMAND...

A run's supervisor starts it like the engine. A plan holds every value, secret ones too: it is read in memory, its file goes,
and only what `terraform/attributes.py` lets through is told.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from butai.runs.saying import say
from butai.terraform.attended import run_engine
from butai.terraform.attributes import Changed, changed
from butai.text import text


def main(plan: Path, show: list[str]) -> int:
    """Tell it. What was planned stands in the log already, so it is only said where this cannot be told."""
    try:
        _, document = run_engine(show, keep=True)
        for each in changed(json.loads(document)):
            _tell(each)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        # Not the error's own words: those of a document that cannot be read may quote it.
        say(text("Which attributes differ could not be read: {why}", why=type(error).__name__))
    finally:
        plan.unlink(missing_ok=True)
    return 0


def _tell(each: Changed) -> None:
    lines = "; ".join(f"{one.path}: {one.before} → {one.after}" for one in each.attributes)
    words = text("{address} would change: {attributes}", address=each.address, attributes=lines)
    known = [asdict(one) for one in each.attributes]
    say(words, kind="attributes", change={"resource": {"addr": each.address}, "more": each.more}, attributes=known)


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(1)
