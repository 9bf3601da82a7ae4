"""Runs that do nothing: Butai's executor against bare DBOS on the same database; how soon a run starts; what idling costs.

    make bench-runs              # prints one JSON object last; writes benchmarks/results/runs.json

Throughput: 1,000 runs that do nothing over 50 environments, at most 8 at once, one at a time per environment, looked for
every 0.1 s on both sides. Butai's runs do all that a run does but start an engine: claim, folder, log, end. DBOS' are empty
workflows in a partitioned queue. Start: an update is asked for over HTTP; the time until its run has started. Idle: processor
time of a server and of a worker with nothing to do, the worker against DBOS with one such queue.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from butai.assembly import Butai, assemble
from butai.db import Database
from butai.db.migrate import migrate
from butai.environments.service import CreateRequest
from butai.settings import Settings
from butai.tables import load_tables
from support.postgres import start as start_postgres
from support.tiny_team import Server, TinyTeam, Worker

REPOSITORY = Path(__file__).parents[1]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
RUNS, ENVIRONMENTS, AT_ONCE = 1000, 50, 8
STARTS, IDLE_S = 40, 30.0
RESULTS = REPOSITORY / "benchmarks" / "results" / "runs.json"
AIMS = {
    "sqlite_throughput": 1.3,
    "postgresql_throughput": 1.3,
    "start_median_s": 1.0,
    "start_p95_s": 1.5,
    "server_idle_percent": 1.0,
    "sqlite_idle_worker": 1.2,
    "postgresql_idle_worker": 1.2,
}


def main() -> int:
    """Measure, print, and keep the figures."""
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="butai-bench-") as folder:
        place, postgres = Path(folder), start_postgres()
        try:
            for name in ("sqlite", "postgresql"):
                urls = _urls(name, place, postgres.new_database)
                details[name] = throughput(urls, place)
                figures[f"{name}_throughput"] = details[name]["butai_s"] / details[name]["dbos_s"]
                figures |= starts_and_idling(place, name, urls)
        finally:
            postgres.stop()
    held = all(figures[name] <= aim for name, aim in AIMS.items())
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "rounds": ROUNDS,
        "runs": RUNS,
        "details": details,
        "ratios": {name: round(value, 3) for name, value in figures.items()},
        "aims": AIMS,
        "held": held,
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({name: result[name] for name in ("ratios", "aims", "held")}))
    return 0


def _urls(kind: str, place: Path, new_database: Callable[[], str]) -> Iterator[str]:
    """Fresh databases, one after the other."""
    while True:
        fresh = Path(tempfile.mkdtemp(dir=place)) / "bench.db"
        yield f"sqlite:///{fresh}" if kind == "sqlite" else new_database()


def throughput(urls: Iterator[str], place: Path) -> dict[str, Any]:
    """Seconds that each side takes for all runs: medians, in turn."""
    seconds: dict[str, list[float]] = {"dbos": [], "butai": []}
    for number in range(ROUNDS):
        for side, found in seconds.items():
            found.append(_seconds_of(side, next(urls), place))
        print(f"round {number + 1}: " + ", ".join(f"{s} {v[-1]:.1f} s" for s, v in seconds.items()), file=sys.stderr)
    rounded = {f"{side}_rounds": [round(each, 2) for each in found] for side, found in seconds.items()}
    return {**{f"{side}_s": round(statistics.median(found), 2) for side, found in seconds.items()}, **rounded}


def _seconds_of(side: str, url: str, place: Path) -> float:
    folder = tempfile.mkdtemp(dir=place)
    argv = [sys.executable, "-m", f"benchmarks.runs_{side}", url, folder, str(RUNS), str(ENVIRONMENTS), str(AT_ONCE)]
    done = subprocess.run(argv, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def starts_and_idling(place: Path, kind: str, urls: Iterator[str]) -> dict[str, float]:
    """How soon runs start (on SQLite, as in a first installation), and what idle processes take."""
    folder = Path(tempfile.mkdtemp(dir=place))
    team = TinyTeam(folder / "team")
    settings = Settings(data=folder / "data", database=next(urls), concurrency=2)
    butai = assemble(settings)
    butai.blueprints.add(str(team.infra.path))
    found: dict[str, float] = {}
    with _processes(settings, folder) as (server, worker):
        if kind == "sqlite":
            waits = _starts(butai)
            found["start_median_s"] = statistics.median(waits)
            found["start_p95_s"] = sorted(waits)[int(len(waits) * 0.95)]
        time.sleep(5)
        assert server.process and worker.process
        idle = _processor_time([server.process.pid, worker.process.pid])
        found["server_idle_percent"] = max(100 * idle[0], found.get("server_idle_percent", 0.0))
    butai.database.close()
    with _idle_dbos(next(urls)) as pid:
        time.sleep(5)
        [peer] = _processor_time([pid])
    found[f"{kind}_idle_worker"] = idle[1] / peer
    print(f"{kind}: idle worker {100 * idle[1]:.2f} %, dbos {100 * peer:.2f} % of a core", file=sys.stderr)
    return found


@contextmanager
def _processes(settings: Settings, folder: Path) -> Iterator[tuple[Server, Worker]]:
    server = Server(settings, folder / "server.log", popen=subprocess.Popen)
    worker = Worker(settings, folder / "worker.log", popen=subprocess.Popen)
    server.start()
    worker.start()
    try:
        yield server, worker
    finally:
        server.end()
        worker.end()


@contextmanager
def _idle_dbos(url: str) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.runs_dbos", url], cwd=REPOSITORY)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _processor_time(pids: list[int]) -> list[float]:
    """Share of a core that each process takes while nothing happens."""
    processes = [psutil.Process(pid) for pid in pids]
    before = [sum(each.cpu_times()[:2]) for each in processes]
    time.sleep(IDLE_S)
    return [(sum(each.cpu_times()[:2]) - b) / IDLE_S for each, b in zip(processes, before, strict=True)]


def _starts(butai: Butai) -> list[float]:
    """Seconds from the click to the start of each of many updates, asked for over HTTP one after the other."""
    key = {"Authorization": f"Bearer {butai.data.cli_secret()}"}
    url = json.loads(butai.data.server_file.read_text())["url"]
    name = butai.environments.create(CreateRequest(name="qa-1"), by="bench").environment.name
    found = []
    with httpx.Client(base_url=url, headers=key, timeout=60, trust_env=False) as http:
        for _ in range(STARTS):
            _wait_until_settled(butai, name)
            clicked = datetime.now(UTC)
            run = http.patch(f"/api/v1/environments/{name}", json={}).raise_for_status().json()["run"]["id"]
            while (started := butai.runs.get(run).started_at) is None:
                time.sleep(0.01)
            found.append((started - clicked).total_seconds())
    _wait_until_settled(butai, name)
    return found


def _wait_until_settled(butai: Butai, name: str) -> None:
    while not butai.environments.get(name).settled:
        time.sleep(0.05)


def database_with_tables(url: str) -> Database:
    """A database as `butai` makes it."""
    load_tables()
    database = Database(url)
    migrate(database)
    return database


if __name__ == "__main__":
    sys.exit(main())
