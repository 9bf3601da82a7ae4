"""How the suite is spread over processes: a file is one piece of work, and the longest ones begin first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from butai import assembly
from butai.db import Database
from butai.db.migrate import migrate
from butai.runs import carry
from butai.runs.nursery import Nursery
from support import watchdog
from support.migrated import sqlite_with_tables

# Forks of a test's process never use what it had of gRPC, whose handlers would end some of them.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

# They wait for the provider's own delays most of the time; begun last, they would be waited for alone.
LONGEST_FIRST = (
    "test_demo_story",
    "test_example_roots",
    "test_acceleration_equal",
    "test_worker_deaths",
    "test_localcloud_types",
    "test_command_line",
    "test_deploys",
    "test_update_all",
    "test_one_offs",
    "test_root_drift",
    "test_ivr_services",
    "test_worker",
    "test_orphans",
    "test_prepared_folders",
    "test_localcloud_process",
    "test_deploys_and_terraform",
    "test_matrix_cloud",
    "test_s3_workspaces",
    "test_frame",
    "test_localcloud_runner",
    "test_following",
    "test_matrix",
    "test_ways",
    "test_import_blocks",
    "test_inventory_page",
    "test_coverage",
    "test_inventory_against_terraform",
    "test_drift",
    "test_watching",
    "test_localcloud_kill",
    "test_acceleration_faults",
    "test_acceleration_keys",
    "test_acceleration_many",
    "test_s3_state",
    "test_rollout_deaths",
    "test_rollouts",
    "test_mending",
    "test_drift_schedule",
    "test_faults",
    "test_environment_state",
    "test_board",
    "test_update_all_page",
    "test_matrix_three_workers",
    "test_run_deaths",
    "test_frozen_worker",
)

LONGEST_TEST_S = 1000.0
LAST_MOMENTS_S = 300.0

# Always the same examples, so that a change is judged by what it changed; `make test-all` looks for new ones.
# An example's time says more about the machine's other work than about the code.
hypothesis.settings.register_profile("short", derandomize=True, deadline=None, max_examples=50)
hypothesis.settings.register_profile("long", deadline=None, max_examples=500)
hypothesis.settings.load_profile("short")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    name = item.path.stem
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """No test, its fixtures included, holds its process much longer than the limits that tests set themselves."""
    with watchdog.no_longer_than(LONGEST_TEST_S):
        return (yield)


def pytest_sessionfinish() -> None:
    """What is left to do after the last test is moments: a thread that never ends would hold the process."""
    watchdog.start(LAST_MOMENTS_S)


@pytest.fixture(autouse=True, scope="session")
def _nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Settings and credentials of whoever runs the tests reach none of them."""
    for name in [name for name in os.environ if name.startswith(("BUTAI_", "AWS_", "TF_"))]:
        if name not in ("BUTAI_PROVIDER_MIRROR", "BUTAI_SHOTS"):
            del os.environ[name]
    os.environ["BUTAI_DATA"] = str(tmp_path_factory.mktemp("nobody") / "data")
    os.environ["BUTAI_CACHE"] = str(Path(os.environ["BUTAI_DATA"]).parent / "cache")


@pytest.fixture(autouse=True, scope="session")
def _supervisors_from_a_nursery() -> Iterator[None]:
    """As under a worker: started anew, each would first load half a second's worth of libraries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(carry, "spawn", Nursery("sqlite://").spawn)
        yield


@pytest.fixture(autouse=True, scope="session")
def _migrated_once() -> Iterator[None]:
    """Migrations have tests of their own; every other new SQLite database is a copy of one that they made."""

    def copied_or_migrated(database: Database) -> None:
        file = database.engine.url.database
        if database.engine.dialect.name == "sqlite" and file and not Path(file).exists():
            sqlite_with_tables(Path(file))
        migrate(database)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembly, "migrate", copied_or_migrated)
        yield
