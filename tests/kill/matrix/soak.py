"""The whole matrix on both databases, then faults at random; the count of lies.

    make soak                       # SOAK_SEED=1 SOAK_FAULTS=200 SOAK_MINUTES=0 (no limit) as wanted

Prints what it does and, last, one JSON object, which it writes to benchmarks/results/soak.json too. A fault that could
not be made (its target was gone already) is counted apart: it says nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kill.matrix.cells import WAITING_FOR_ADOPTION, Cell, Store, every
from kill.matrix.play import Outcome, play
from kill.matrix.stage import Stage, stage_on
from kill.matrix.strike import NothingToHitError
from support import postgres

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results" / "soak.json"
CELLS_A_STAGE = 12
LATEST_S = 0.8


@dataclass
class Tally:
    """What was played so far."""

    seed: int
    faults_wanted: int
    started: float = field(default_factory=time.monotonic)
    cells: int = 0
    faults: int = 0
    not_made: list[str] = field(default_factory=list)
    lies: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    by_target: Counter[str] = field(default_factory=Counter)

    def note(self, outcome: Outcome, *, at_random: bool) -> None:
        """Count one outcome and print it."""
        self.cells, self.faults = self.cells + (not at_random), self.faults + at_random
        self.ends[outcome.end] += 1
        self.by_target[str(outcome.cell.target)] += 1
        self.lies += [f"{outcome.cell}: {lie}" for lie in outcome.lies]
        number = f"{'fault' if at_random else 'cell'} {self.faults if at_random else self.cells}"
        print(
            f"{number:>10}  {outcome.seconds:5.1f} s  {outcome.cell}  {outcome.end}  lies: {len(self.lies)}", flush=True
        )
        for lie in outcome.lies:
            print(f"            LIE: {lie}", flush=True)

    def as_json(self, whole: int) -> dict[str, Any]:
        """The result."""
        return {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
            "seed": self.seed,
            "cells": {"played": self.cells, "of": whole},
            "faults": {"played": self.faults, "of": self.faults_wanted},
            "whole": self.cells >= whole and self.faults >= self.faults_wanted,
            "not_made": self.not_made,
            "ends": dict(self.ends.most_common()),
            "by_target": dict(self.by_target.most_common()),
            "waiting_for_adoption": [":".join(key) for key in WAITING_FOR_ADOPTION],
            "minutes": round((time.monotonic() - self.started) / 60, 1),
            "lies": len(self.lies),
            "the_lies": self.lies,
        }


def main() -> int:
    """Play, print, keep the result. Exit code 1 where there was a lie."""
    seed = int(os.environ.get("SOAK_SEED") or time.time())
    tally = Tally(seed, int(os.environ.get("SOAK_FAULTS", "200")))
    minutes = float(os.environ.get("SOAK_MINUTES", "0"))
    deadline = time.monotonic() + minutes * 60 if minutes else float("inf")
    whole = [cell for store in Store for cell in every(store)]
    print(f"seed {seed}: {len(whole)} cells, then {tally.faults_wanted} faults at random", flush=True)
    chance = random.Random(seed)
    at_random = [(chance.choice(whole), chance.uniform(0.0, LATEST_S)) for _ in range(tally.faults_wanted)]
    with contextlib.suppress(KeyboardInterrupt):
        # Where the time is short the matrix has two thirds of it.
        for_cells = tally.started + minutes * 40 if minutes else deadline
        _play_all(tally, [(cell, None) for cell in _mixed(whole, chance, minutes)], for_cells)
        _play_all(tally, sorted(at_random, key=lambda pair: (pair[0].store, pair[0].cloud)), deadline)
    result = tally.as_json(len(whole))
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))
    return 1 if tally.lies else 0


def _mixed(cells: list[Cell], chance: random.Random, minutes: float) -> list[Cell]:
    """In order; where the time is short in any order, so that a part of it is a fair sample of the whole."""
    return chance.sample(cells, len(cells)) if minutes else cells


def _play_all(tally: Tally, cells: list[tuple[Cell, float | None]], deadline: float) -> None:
    while cells and time.monotonic() < deadline:
        store = cells[0][0].store
        some = [pair for pair in cells if pair[0].store is store][:CELLS_A_STAGE]
        with _stage(store) as stage:
            for number, (cell, later) in enumerate(some):
                cells.remove((cell, later))
                good = _play(tally, stage, cell, f"qa-{number}x", later)
                if not good or time.monotonic() > deadline:
                    break


def _play(tally: Tally, stage: Stage, cell: Cell, name: str, later: float | None) -> bool:
    """One; false where the stage is not what it was, and another one is needed."""
    try:
        outcome = play(stage, cell, name, later_s=later or 0.0)
    except NothingToHitError as nothing:
        tally.not_made.append(str(nothing))
        return True
    except Exception as error:
        traceback.print_exc(limit=-2, file=sys.stdout)
        tally.not_made.append(f"{cell}: {error!r}"[:300])
        return False
    tally.note(outcome, at_random=later is not None)
    return not outcome.lies


@contextlib.contextmanager
def _stage(store: Store) -> Iterator[Stage]:
    server = postgres.start() if store is Store.POSTGRESQL else None
    try:
        with (
            tempfile.TemporaryDirectory(prefix="butai-soak-", ignore_cleanup_errors=True) as folder,
            stage_on(Path(folder), store, server) as stage,
        ):
            yield stage
    finally:
        if server:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
