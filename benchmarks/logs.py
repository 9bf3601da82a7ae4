"""Live logs: 500 listeners on the logs of 20 runs. Does everyone get every line, in order; does the server's memory stay?

    make bench-logs              # prints one JSON object last; writes benchmarks/results/logs.json

A real server on SQLite; the lines are written as a worker writes them. Ten listeners stop reading for most of the time.
There is no peer for this: the figures are counts and the server's own memory.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

from butai.assembly import Butai, assemble
from butai.runs.claims import Fenced
from butai.runs.log import RunLog
from butai.runs.model import RunStatus, Step
from butai.runs.store import Run
from butai.settings import Settings
from butai.text import text
from support.rows import add_environment, add_run, claim_run
from support.tiny_team import Server

RUNS, LISTENERS, STALLED, LINES, EVERY_S = 20, 500, 10, 400, 0.2
RESULTS = Path(__file__).parent / "results" / "logs.json"
AIMS = {"lost_or_disordered": 0, "memory_growth_mib": 64.0, "delay_p95_s": 2.0}


@dataclass
class Heard:
    """What one listener got: sequence numbers, and how late each line was."""

    numbers: list[int] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    ended: bool = False


def main() -> int:
    """Measure, print, and keep the figures."""
    with tempfile.TemporaryDirectory(prefix="butai-bench-") as folder:
        settings = Settings(data=Path(folder) / "data")
        butai = assemble(settings)
        server = Server(settings, Path(folder) / "server.log", popen=subprocess.Popen)
        server.start()
        try:
            figures, details = _measure(butai, server)
        finally:
            server.end()
    held = all(figures[name] <= aim for name, aim in AIMS.items())
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "details": details,
        "ratios": figures,
        "aims": AIMS,
        "held": held,
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({name: result[name] for name in ("ratios", "aims", "held")}))
    return 0


def _measure(butai: Butai, server: Server) -> tuple[dict[str, float], dict[str, float]]:
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    runs = [add_run(butai.database, add_environment(butai.database, f"qa-{number}")) for number in range(RUNS)]
    logs = [RunLog(Fenced(butai.database, claim_run(butai.database, run)), run, _now) for run in runs]
    memory: list[float] = []
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process, memory, stop))
    writer = threading.Thread(target=_write, args=(butai, logs))
    heard = asyncio.run(_listen(butai, runs, [watcher, writer]))
    writer.join()
    stop.set()
    watcher.join()
    wrong = sum(each.numbers != list(range(1, LINES + 1)) or not each.ended for each in heard)
    delays = sorted(delay for each in heard[STALLED:] for delay in each.delays)
    figures = {
        "lost_or_disordered": wrong,
        "memory_growth_mib": round(max(memory) - memory[0], 1),
        "delay_p95_s": round(delays[int(len(delays) * 0.95)], 3),
    }
    details = {
        "lines_delivered": sum(len(each.numbers) for each in heard),
        "delay_median_s": round(statistics.median(delays), 3),
        "memory_with_all_connected_mib": round(memory[0], 1),
        "processor_share": round(sum(process.cpu_times()[:2]) / (LINES * EVERY_S), 2),
    }
    return figures, details


def _now() -> datetime:
    return datetime.now(UTC)


def _watch(process: psutil.Process, memory: list[float], stop: threading.Event) -> None:
    while not stop.is_set():
        memory.append(process.memory_info().rss / 2**20)
        time.sleep(0.5)


def _write(butai: Butai, logs: list[RunLog]) -> None:
    """Every run gets a line in turn, again and again; then all are over."""
    began = time.monotonic()
    for number in range(LINES):
        for log in logs:
            log.say(Step.APPLY, text("Line {number} of {lines}", number=number + 1, lines=LINES))
        time.sleep(max(0.0, began + (number + 1) * EVERY_S - time.monotonic()))
    for log in logs:
        with butai.database.session() as session:
            row = session.get_one(Run, log.run_id)
            row.status, row.end, row.ended_at, row.settled_at = RunStatus.ENDED, "succeeded", _now(), _now()


async def _listen(butai: Butai, runs: list[int], then: list[threading.Thread]) -> list[Heard]:
    key = {"Authorization": f"Bearer {butai.data.cli_secret()}"}
    url = json.loads(butai.data.server_file.read_text())["url"]
    limits = httpx.Limits(max_connections=LISTENERS + 10)
    heard = [Heard() for _ in range(LISTENERS)]
    async with httpx.AsyncClient(base_url=url, headers=key, timeout=120, trust_env=False, limits=limits) as http:
        connected = asyncio.Semaphore(0)
        tasks = [
            asyncio.create_task(_one(http, runs[number % RUNS], each, connected, stalled=number < STALLED))
            for number, each in enumerate(heard)
        ]
        for _ in tasks:
            await connected.acquire()
        for thread in then:
            thread.start()
        await asyncio.gather(*tasks)
    return heard


async def _one(http: httpx.AsyncClient, run: int, heard: Heard, connected: asyncio.Semaphore, *, stalled: bool) -> None:
    async with http.stream("GET", f"/api/v1/runs/{run}/stream") as answer:
        connected.release()
        kind = ""
        if stalled:
            await asyncio.sleep(LINES * EVERY_S * 0.8)
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: ") and kind == "line":
                event = json.loads(line[6:])
                heard.numbers.append(event["seq"])
                heard.delays.append((_now() - datetime.fromisoformat(event["at"])).total_seconds())
            elif line.startswith("data: ") and kind == "end":
                heard.ended = True
                return


if __name__ == "__main__":
    sys.exit(main())
