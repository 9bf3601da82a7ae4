"""Live logs: each run's log is looked up once for everybody who listens to it, and every listener gets every line in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from starlette.concurrency import run_in_threadpool

from butai.db import AWAY
from butai.runs.service import EventView, Runs, RunView

LOOK_EVERY_S = 0.3
AWAY_LOOK_S = 1.0
# A comment line now and then keeps proxies and browsers from closing a silent stream.
BEAT_EVERY_S = 15.0
# Lines kept in memory a run. Who is further behind reads on from the database until it has caught up.
TAIL = 500


@dataclass(frozen=True)
class Tongue:
    """The language of a stream, and how Butai's own words are said in it."""

    language: str
    say: Callable[[str], str]


ENGLISH = Tongue("en", lambda words: words)


@dataclass
class _Line:
    """One line, written out once for each language that somebody listens in."""

    event: EventView
    written: dict[str, str] = field(default_factory=dict)

    def as_message(self, tongue: Tongue) -> str:
        if tongue.language not in self.written:
            body = {**self.event.model_dump(mode="json"), "message": tongue.say(self.event.message)}
            self.written[tongue.language] = message("line", body, self.event.seq)
        return self.written[tongue.language]


class Broadcast:
    """One run's log while somebody listens to it."""

    def __init__(self, runs: Runs, run_id: int) -> None:
        self._runs, self._run_id = runs, run_id
        self._tail: deque[_Line] = deque(maxlen=TAIL)
        self._news = asyncio.Condition()
        self._run: RunView | None = None
        self._last, self._over, self._fault = 0, False, False
        self.listeners = 0
        self.task: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Look until the log is over. A database that is away is waited for."""
        try:
            while not self._over:
                with contextlib.suppress(*AWAY):
                    await self._look_once()
                    await asyncio.sleep(LOOK_EVERY_S)
                    continue
                await asyncio.sleep(AWAY_LOOK_S)
        except Exception:
            self._fault = True
            raise
        finally:
            async with self._news:
                self._news.notify_all()

    async def _look_once(self) -> None:
        # The run is read first: what was written before its end is then surely among the lines.
        run = await run_in_threadpool(self._runs.get, self._run_id)
        if self._run is None:
            self._last = await run_in_threadpool(self._runs.last_seq, self._run_id)
        fresh = await run_in_threadpool(self._runs.events, self._run_id, after=self._last, limit=TAIL)
        changed = bool(fresh) or run != self._run
        self._tail.extend(_Line(event) for event in fresh)
        self._last = fresh[-1].seq if fresh else self._last
        self._over = run.finished and not fresh
        if changed or self._over:
            self._run = run
            async with self._news:
                self._news.notify_all()

    async def listen(self, after: int, tongue: Tongue) -> AsyncIterator[str]:
        """Server-sent events: `line` for each line after a sequence number, `run` at changes, `end`."""
        shown = ""
        while not self._fault:
            async for words in self._lines(after, tongue):
                yield words[1]
                after = words[0]
            run, over = self._run, self._over
            if run is not None and (now := _as_json(run, tongue)) != shown:
                shown = now
                yield message("run", json.loads(now))
            if over and run is not None and after >= self._last:
                yield message("end", {"end": run.end})
                return
            if run is None or after >= self._last:
                async for beat in self._wait(after, run):
                    yield beat

    async def _wait(self, after: int, seen: RunView | None) -> AsyncIterator[str]:
        async with self._news:
            while after >= self._last and self._run is seen and not self._over and not self._fault:
                try:
                    # Not `wait_for`: a listener who goes at the moment that news come would stay for ever.
                    async with asyncio.timeout(BEAT_EVERY_S):
                        await self._news.wait()
                except TimeoutError:
                    yield ": still here\n\n"

    async def _lines(self, after: int, tongue: Tongue) -> AsyncIterator[tuple[int, str]]:
        """Lines after a number that are there by now: out of memory where they are, else from the database."""
        while after < self._last:
            first = self._tail[0].event.seq if self._tail else self._last + 1
            if after + 1 >= first:
                found = list(islice(self._tail, after + 1 - first, None))
            else:
                events = await run_in_threadpool(self._runs.events, self._run_id, after=after, limit=TAIL)
                found = [_Line(event) for event in events]
            for line in found:
                yield line.event.seq, line.as_message(tongue)
                after = line.event.seq
            if not found:
                return


class Live:
    """The broadcasts of a server: one for each run that is listened to."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._broadcasts: dict[int, Broadcast] = {}

    async def stream(self, run_id: int, after: int, tongue: Tongue = ENGLISH) -> AsyncIterator[str]:
        """Listen to a run's log until it is over."""
        cast = self._broadcasts.setdefault(run_id, Broadcast(self._runs, run_id))
        cast.listeners += 1
        cast.task = cast.task or asyncio.create_task(cast.look())
        try:
            async for words in cast.listen(after, tongue):
                yield words
        finally:
            cast.listeners -= 1
            if not cast.listeners:
                cast.task.cancel()
                self._broadcasts.pop(run_id, None)


def _as_json(run: RunView, tongue: Tongue) -> str:
    return run.model_copy(update={"waiting_for": tongue.say(run.waiting_for)}).model_dump_json()


def message(event: str, data: Any, seq: int | None = None) -> str:
    """One server-sent event."""
    number = f"id: {seq}\n" if seq is not None else ""
    return f"event: {event}\n{number}data: {json.dumps(data, ensure_ascii=False)}\n\n"
