"""How far a service's database is: it never loses what it has had, and is ahead by what the running version does not know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.blueprints.paths import names_by
from butai.environments.migrations import after_run, shape
from butai.runs.migrations import Migrated

VERSION = {"branch": "main", "commit": "c" * 40, "image": "web:c"}
FILES = st.lists(st.sampled_from([f"{n:03}.sql" for n in range(6)]), unique=True).map(sorted)
RUNS = st.lists(st.tuples(FILES, st.booleans(), st.booleans()), max_size=8)


@given(RUNS)
def test_it_is_ahead_by_what_it_has_had_and_the_version_that_runs_does_not_know(
    runs: list[tuple[list[str], bool, bool]],
) -> None:
    told: dict[str, dict[str, object]] = {}
    had, known = set[str](), set[str]()
    for number, (files, ran, placed) in enumerate(runs):
        run = Migrated({"api": files}, frozenset({"api"} if ran else ()), {"api": VERSION})
        told = after_run(told, run, {"api"} if placed else ())
        had |= set(files) if ran else set()
        known = set(files) if placed or not number else known
    found = shape(told.get("api"))
    assert (set(found.had), set(found.ahead)) == (had, had - known) if found else not had


def test_a_service_without_migrations_is_left_out() -> None:
    assert after_run({}, Migrated({}, frozenset({"web"}), {"web": VERSION}), {"web"}) == {}
    assert shape(None) is None


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("migrations/*.sql", ["001.sql", "002.sql"]),
        ("migrations/00?.sql", ["001.sql", "002.sql"]),
        ("prisma/*/migration.sql", ["a/migration.sql", "b/migration.sql"]),
        ("**/migration.sql", ["prisma/a/migration.sql", "prisma/b/migration.sql"]),
        ("other/*", []),
    ],
)
def test_a_pattern_gives_names_without_the_folders_before_it(pattern: str, names: list[str]) -> None:
    paths = ["migrations/002.sql", "migrations/001.sql", "migrations/old/000.sql", "prisma/b/migration.sql"]
    assert names_by(pattern, [*paths, "prisma/a/migration.sql", "migrations/readme.md"]) == names
