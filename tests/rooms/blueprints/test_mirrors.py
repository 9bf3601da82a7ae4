"""Mirrors that are fetched by themselves: what is new is seen, and a failure is said while the old answer stays."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from butai.blueprints.service import Blueprints
from butai.datafolder import DataFolder
from butai.git.mirrors import in_background
from support.carrying import now, wait_for
from support.rows import new_database
from support.tiny_team import TinyTeam


def test_what_was_pushed_is_seen_and_what_fails_is_said(tmp_path: Path) -> None:
    team = TinyTeam(tmp_path / "team")
    blueprints = Blueprints(new_database(tmp_path), DataFolder(tmp_path / "data"), now)
    commit = blueprints.add(str(team.infra.path)).commit
    behind, fetched = blueprints.compared("tiny", "main", commit)
    assert behind is None and fetched is not None and fetched.failure == ""
    assert fetched.at is not None and abs(fetched.at - datetime.now(UTC)) < timedelta(minutes=1)

    team.infra.commit({"words.md": "words"}, "Words")
    blueprints.fetch_all(3600)
    assert blueprints.compared("tiny", "main", commit)[0] is None, "it is not that old"
    blueprints.fetch_all(0)
    behind, newer = blueprints.compared("tiny", "main", commit)
    assert behind is not None and behind.commits == 1
    assert newer is not None and newer.at is not None and newer.at > fetched.at

    moved = team.infra.path.rename(tmp_path / "moved")
    blueprints.fetch_all(0)
    still, failed = blueprints.compared("tiny", "main", commit)
    assert still == behind, "the old answer stays"
    assert failed is not None and failed.at == newer.at and "There is no" in failed.failure
    moved.rename(team.infra.path)
    blueprints.refresh("tiny")
    again = blueprints.compared("tiny", "main", commit)[1]
    assert again is not None and again.failure == "", "whoever fetched"
    assert blueprints.compared("gone", "main", commit) == (None, None)


def test_it_goes_on_after_a_fault_and_off_is_off() -> None:
    asked: list[float] = []

    def fetch(age_s: float) -> None:
        asked.append(age_s)
        if len(asked) == 1:
            raise RuntimeError
        if len(asked) == 3:
            threading.Event().wait(5)

    in_background(fetch, timedelta(seconds=0.1))
    wait_for(lambda: len(asked) == 3, seconds=5)
    assert asked == [0.05] * 3
    before = threading.active_count()
    in_background(fetch, None)
    assert threading.active_count() == before
