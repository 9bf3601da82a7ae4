"""A whole log as plain text: however long, piece by piece, and honest about what retention removed."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert

from butai.environments.log_text import LINES_AT_ONCE, as_text
from butai.runs.service import Runs
from butai.runs.store import Run, RunEvent
from butai.web.texts import translate
from support.rows import NOW, add_environment, add_run, new_database

LINES = 25_001


def test_a_log_of_more_than_20000_lines_is_whole_and_comes_in_pieces(tmp_path: Path) -> None:
    database = new_database(tmp_path)
    run = add_run(database, add_environment(database, "qa-1"))
    common = {"run_id": run, "source": "apply", "at": NOW, "step": "apply", "kind": "log", "detail": {}}
    with database.session() as session:
        rows = [{**common, "seq": seq, "line": seq, "message": f"line {seq}"} for seq in range(1, LINES + 1)]
        session.execute(insert(RunEvent), rows)
    runs = Runs(database, lambda: NOW)
    pieces = list(as_text(runs.get(run), runs))
    assert max(piece.count("\n") for piece in pieces) <= LINES_AT_ONCE
    lines = "".join(pieces).splitlines()
    assert len(lines) == LINES
    assert (lines[0], lines[-1]) == ("2026-01-02T03:04:00Z apply  line 1", f"2026-01-02T03:04:00Z apply  line {LINES}")
    with database.session() as session:
        session.get_one(Run, run).log_removed_at = NOW
    assert next(iter(as_text(runs.get(run), runs))).startswith("# Removed by retention on 2026-01-02")
    assert next(iter(as_text(runs.get(run), runs, lambda words: translate(words, "ja")))).startswith("# 保存期間")
    database.close()
