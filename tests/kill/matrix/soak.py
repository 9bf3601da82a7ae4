"""The whole matrix on both databases, then faults at random; the count of lies.

    make soak                       # SOAK_SEED=1 SOAK_FAULTS=200 SOAK_MINUTES=0 (no limit) SOAK_AT_ONCE=4 as wanted

Prints what it does and, last, one JSON object, which it writes to benchmarks/results/soak.json too. A fault that could
not be made (its target was gone already) says nothing: it is counted apart, and another one is drawn for it. Most of a cell
is waiting for what Butai waits for, so that several are played at once, each on a stage of its own.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import platform
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
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
DRAWS_AT_MOST = 10

# A cell, and how much later than its moment it is hit where that is left to chance.
Turn = tuple[Cell, float | None]


@dataclass
class Played:
    """What came of one stage: outcomes, with whether they were at random."""

    left: list[Turn]
    outcomes: list[tuple[Outcome, bool]] = field(default_factory=list)
    not_made: list[str] = field(default_factory=list)


@dataclass
class Tally:
    """What was played so far."""

    seed: int
    faults_wanted: int
    whole: int
    started: float = field(default_factory=time.monotonic)
    cells: int = 0
    faults: int = 0
    not_made: list[str] = field(default_factory=list)
    lies: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    by_target: Counter[str] = field(default_factory=Counter)

    def note(self, played: Played) -> None:
        """Count what came back from a stage, and print how far it is."""
        self.not_made += played.not_made
        for outcome, at_random in played.outcomes:
            self.cells, self.faults = self.cells + (not at_random), self.faults + at_random
            self.ends[outcome.end] += 1
            self.by_target[str(outcome.cell.target)] += 1
            self.lies += [f"{outcome.cell}: {lie}" for lie in outcome.lies]
        print(f"-- {self.cells} cells, {self.faults} faults, {len(self.lies)} lies", flush=True)
        self.keep()

    def keep(self) -> None:
        """Write the result as it is by now: what was played of a long soak stays known when it is ended."""
        RESULTS.write_text(json.dumps(self.as_json(), indent=2) + "\n")

    def as_json(self) -> dict[str, Any]:
        """The result."""
        return {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
            "seed": self.seed,
            "cells": {"played": self.cells, "of": self.whole},
            "faults": {"played": self.faults, "of": self.faults_wanted},
            "whole": self.cells >= self.whole and self.faults >= self.faults_wanted,
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
    whole = [cell for store in Store for cell in every(store)]
    tally = Tally(seed, int(os.environ.get("SOAK_FAULTS", "200")), len(whole))
    minutes, at_once = float(os.environ.get("SOAK_MINUTES", "0")), int(os.environ.get("SOAK_AT_ONCE", "4"))
    until = time.time() + minutes * 60 if minutes else float("inf")
    print(f"seed {seed}: {len(whole)} cells, then {tally.faults_wanted} faults at random", flush=True)
    chance = random.Random(seed)
    with contextlib.suppress(KeyboardInterrupt):
        # Where the time is short the matrix has two thirds of it.
        for_cells = time.time() + minutes * 40 if minutes else until
        _play_all(tally, [(cell, None) for cell in _mixed(whole, chance, minutes)], for_cells, at_once)
        for _ in range(DRAWS_AT_MOST):
            _play_all(tally, _at_random(whole, chance, tally.faults_wanted - tally.faults), until, at_once)
    tally.keep()
    print(json.dumps(tally.as_json()))
    return 1 if tally.lies else 0


def _mixed(cells: list[Cell], chance: random.Random, minutes: float) -> list[Cell]:
    """In order; where the time is short in any order, so that a part of it is a fair sample of the whole."""
    return chance.sample(cells, len(cells)) if minutes else cells


def _at_random(whole: list[Cell], chance: random.Random, number: int) -> list[Turn]:
    """Cells with a delay. Squared: most runs of the matrix are short, and a late fault finds nothing to hit."""
    return [(chance.choice(whole), chance.random() ** 2 * LATEST_S) for _ in range(number)]


def _play_all(tally: Tally, turns: list[Turn], until: float, at_once: int) -> None:
    """Shares them out over stages. What a stage that broke left over goes to another one."""
    groups = [some for store in Store for some in _groups([turn for turn in turns if turn[0].store is store])]
    with ProcessPoolExecutor(at_once, mp_context=multiprocessing.get_context("spawn")) as pool:
        running: set[Future[Played]] = set()
        while (groups and time.time() < until) or running:
            while groups and len(running) < at_once and time.time() < until:
                running.add(pool.submit(play_some, groups.pop(0), until))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                tally.note(each.result())
                groups += [each.result().left] if each.result().left else []


def _groups(turns: list[Turn]) -> list[list[Turn]]:
    return [turns[start : start + CELLS_A_STAGE] for start in range(0, len(turns), CELLS_A_STAGE)]


def play_some(turns: list[Turn], until: float) -> Played:
    """Some of one database on one stage, until the time is over or the stage is not what it was."""
    played = Played(left=list(turns))
    with contextlib.suppress(KeyboardInterrupt), _stage(turns[0][0].store) as stage:
        for number, (cell, later) in enumerate(turns):
            if time.time() > until:
                break
            played.left.pop(0)
            if not _play(played, stage, cell, f"qa-{number}x", later):
                break
    return played


def _play(played: Played, stage: Stage, cell: Cell, name: str, later: float | None) -> bool:
    """One; false where the stage is not what it was, and another one is needed."""
    try:
        outcome = play(stage, cell, name, later_s=later or 0.0)
    except NothingToHitError as nothing:
        played.not_made.append(str(nothing))
        return True
    except Exception as error:
        traceback.print_exc(limit=-2, file=sys.stdout)
        played.not_made.append(f"{cell}: {error!r}"[:300])
        return False
    played.outcomes.append((outcome, later is not None))
    print(
        f"{outcome.seconds:6.1f} s  {outcome.cell}{' at random' if later is not None else ''}  {outcome.end}",
        flush=True,
    )
    for lie in outcome.lies:
        print(f"          LIE: {lie}", flush=True)
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
