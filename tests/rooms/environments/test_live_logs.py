"""Live logs: every listener gets every line in order, whenever it comes, however slow it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import text as sql

from butai.db import Database
from butai.environments import live
from butai.environments.live import ENGLISH, Live, Tongue
from butai.runs.claims import Fenced
from butai.runs.log import RunLog
from butai.runs.model import RunStatus, Step
from butai.runs.service import Runs
from butai.runs.store import Run
from support.rows import NOW, add_environment, add_run, claim_run, new_database

Found = TypeVar("Found")


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(live, "AWAY_LOOK_S", 0.01)
    monkeypatch.setattr(live, "TAIL", 20)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = new_database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def log(database: Database) -> RunLog:
    run = add_run(database, add_environment(database, "qa-1"))
    return RunLog(Fenced(database, claim_run(database, run)), run, lambda: NOW)


def in_a_loop(scene: Coroutine[Any, Any, Found]) -> Found:
    """Run it in a thread of its own: a browser's tests leave a loop behind in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, scene).result()


def end(database: Database, log: RunLog) -> None:
    with database.session() as session:
        row = session.get_one(Run, log.run_id)
        row.status, row.end, row.settled_at = RunStatus.ENDED, "succeeded", NOW


def numbers(messages: list[str]) -> list[int]:
    return [json.loads(each.split("data: ")[1])["seq"] for each in messages if each.startswith("event: line")]


async def hear(
    there: Live,
    log: RunLog,
    after: int = 0,
    slow_s: float = 0.0,
    tongue: Tongue = ENGLISH,
    found: list[str] | None = None,
) -> list[str]:
    found = [] if found is None else found
    async for words in there.stream(log.run_id, after, tongue):
        found.append(words)
        await asyncio.sleep(slow_s)
    return found


def test_everybody_gets_every_line_in_order(database: Database, log: RunLog) -> None:
    async def scene() -> list[list[str]]:
        there = Live(Runs(database, lambda: NOW))
        log.say(Step.APPLY, "before anybody listened")
        early = [asyncio.create_task(hear(there, log)) for _ in range(20)]
        slow = asyncio.create_task(hear(there, log, slow_s=0.005))
        for number in range(100):
            await asyncio.to_thread(log.say, Step.APPLY, str(number))
        late = asyncio.create_task(hear(there, log))
        again = asyncio.create_task(hear(there, log, after=90))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(log.say, Step.APPLY, "the last")
        end(database, log)
        return list(await asyncio.gather(*early, slow, late, again))

    *everybody, again = in_a_loop(scene())
    assert len(everybody) == 22
    for heard in everybody:
        assert numbers(heard) == list(range(1, 103))
        assert heard[-1].startswith("event: end")
    assert numbers(again) == list(range(91, 103)), "who comes back goes on where it was"


def test_nothing_is_kept_when_nobody_listens(database: Database, log: RunLog) -> None:
    async def scene() -> int:
        there = Live(Runs(database, lambda: NOW))
        listener = asyncio.create_task(hear(there, log))
        await asyncio.sleep(0.05)
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
        return len(there._broadcasts)

    assert in_a_loop(scene()) == 0


def test_a_database_that_is_away_is_waited_for(database: Database, log: RunLog) -> None:
    async def scene() -> list[str]:
        there = Live(Runs(database, lambda: NOW))
        heard: list[str] = []
        listener = asyncio.create_task(hear(there, log, found=heard))
        await asyncio.to_thread(log.say, Step.APPLY, "one")
        # What is not in memory yet would be read out of the database, whose absence ends the answer.
        while not numbers(heard):
            await asyncio.sleep(0.01)
        with database.session() as session:
            session.execute(sql("ALTER TABLE run_events RENAME TO away"))
        await asyncio.sleep(0.1)
        with database.session() as session:
            session.execute(sql("ALTER TABLE away RENAME TO run_events"))
        await asyncio.to_thread(log.say, Step.APPLY, "two")
        end(database, log)
        return await listener

    assert numbers(in_a_loop(scene())) == [1, 2]


def test_each_listener_hears_its_own_language(database: Database, log: RunLog) -> None:
    async def scene() -> list[list[str]]:
        there = Live(Runs(database, lambda: NOW))
        log.say(Step.APPLY, "hello")
        end(database, log)
        shouting = Tongue("loud", str.upper)
        return list(await asyncio.gather(hear(there, log), hear(there, log, tongue=shouting)))

    plain, loud = in_a_loop(scene())
    assert '"message": "hello"' in plain[0] and '"message": "HELLO"' in loud[0]
