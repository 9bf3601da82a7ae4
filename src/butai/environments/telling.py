"""The program that tells which attributes a plan would change, after the engine has made the plan.

    python -m butai.environments.telling PLAN_FILE SHOW_COMMAND... [--drifted SCHEMA_COMMAND...]

With `--drifted`: which attributes of things were changed since the state was written, of a plan that only looks for that, and
which of them the code decides: that takes the providers' schemas.

A run's supervisor starts it like the engine. A plan holds every value, secret ones too: it is read in memory, its file goes,
and only what `terraform/attributes.py` lets through is told.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from butai.runs.saying import say
from butai.terraform.attended import run_engine
from butai.terraform.attributes import Changed, changed
from butai.terraform.outside import drifted
from butai.text import Text, text

DRIFTED = "--drifted"


def main(plan: Path, show: list[str], schema: list[str]) -> int:
    """Tell it. What was planned stands in the log already, so it is only said where this cannot be told."""
    try:
        found = _document(show)
        for each in drifted(found, _document(schema)) if schema else changed(found):
            _tell(each, only_drifted=bool(schema))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        # Not the error's own words: those of a document that cannot be read may quote it.
        say(text("Which attributes differ could not be read: {why}", why=type(error).__name__))
    finally:
        plan.unlink(missing_ok=True)
    return 0


def _document(command: list[str]) -> Any:
    _, said = run_engine(command, keep=True)
    return json.loads(said)


def _tell(each: Changed, *, only_drifted: bool) -> None:
    words = _was(each) if only_drifted else _would(each)
    known = [asdict(one) for one in each.attributes]
    say(words, kind="attributes", change={"resource": {"addr": each.address}, "more": each.more}, attributes=known)


def _would(each: Changed) -> Text:
    lines = "; ".join(f"{one.path}: {one.before} → {one.after}" for one in each.attributes)
    return text("{address} would change: {attributes}", address=each.address, attributes=lines)


def _was(each: Changed) -> Text:
    if not each.attributes:
        return text(
            "{address} was not changed: only what is empty is read in another way, or other code made it.",
            address=each.address,
        )
    lines = "; ".join(f"{one.path}: {one.after} → {one.before}" for one in each.attributes)
    if not each.in_code:
        return text(
            "{address} differs only in what its code does not set: {attributes}", address=each.address, attributes=lines
        )
    return text("{address} was changed outside: {attributes}", address=each.address, attributes=lines)


if __name__ == "__main__":
    file, *given = sys.argv[1:]
    end = given.index(DRIFTED) if DRIFTED in given else len(given)
    try:
        sys.exit(main(Path(file), given[:end], given[end + 1 :]))
    except KeyboardInterrupt:
        sys.exit(1)
