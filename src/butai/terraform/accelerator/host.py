"""The process that keeps providers for the runs of one machine.

    python -m butai.terraform.accelerator.host FOLDER

`FOLDER` is where it keeps what providers said. Its address is in FOLDER/host.json. It ends by itself once no run uses it and
nobody holds the locks whose paths it was told (the worker's); then it ends the providers too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from butai.datafolder import FolderLock, is_held, write_json
from butai.terraform.accelerator import crashes
from butai.terraform.accelerator.front import Front
from butai.terraform.accelerator.memory import Memory
from butai.terraform.accelerator.pool import Pool, identity
from butai.terraform.accelerator.provider import ProviderError
from butai.terraform.accelerator.proxy import Guest
from butai.terraform.packages import ProviderBinary

LOOK_EVERY_S = 0.5
# A run that was let in has this long until its supervisor holds its lock.
ARRIVAL_S = 60.0
IDLE_HOST_S = 5.0
LINE_AT_MOST = 64 * 1024 * 1024


@dataclass
class _Visit:
    """A run that may use its socket until nobody holds `until` any more."""

    front: Front
    until: Path
    came_at: float = field(default_factory=time.monotonic)
    seen: bool = False

    def over(self) -> bool:
        held = is_held(self.until)
        self.seen = self.seen or held
        return not held and (self.seen or time.monotonic() - self.came_at > ARRIVAL_S)


class Host:
    """The visits of runs, and what they share. `sockets`: a private folder with a short name."""

    def __init__(self, folder: Path, sockets: Path) -> None:
        self._folder, self._sockets = folder, sockets
        self._pool = Pool(sockets)
        self._memory = Memory(folder / "descriptions")
        self._visits: dict[str, _Visit] = {}
        self._keepers: set[Path] = set()
        self._numbers = count(1)
        self._needed_at = time.monotonic()
        self._ending = self._leaving = False

    async def serve(self) -> None:
        """Until nobody needs it."""
        control = await asyncio.start_unix_server(self._hear, str(self._sockets / "control"), limit=LINE_AT_MOST)
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._end)
        async with control:
            while not self._ending and not self._forgotten() and (self._visits or not self._leaving):
                await asyncio.sleep(LOOK_EVERY_S)
                await self._tidy()
        for each in self._visits.values():
            await each.front.close()
        await self._pool.end()

    def _end(self) -> None:
        self._ending = True

    def _forgotten(self) -> bool:
        if self._visits or any(is_held(each) for each in self._keepers):
            self._needed_at = time.monotonic()
        return time.monotonic() - self._needed_at > IDLE_HOST_S

    async def _tidy(self) -> None:
        for run, visit in list(self._visits.items()):
            if visit.over():
                del self._visits[run]
                await visit.front.close()
                self._pool.forget(visit.front.guest.root)
        before = self._pool.crashes
        await self._pool.end_idle()
        if self._pool.crashes != before:
            crashes.note(self._folder)

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            answer = await self._answer(json.loads(await reader.readline()))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        known: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "let-in": self._let_in,
            "status": self._status,
            "end": self._end_when_unused,
        }
        try:
            return await known[asked["do"]](asked)
        except (ProviderError, OSError, LookupError, TypeError) as error:
            return {"error": f"{type(error).__name__}: {error}"}

    async def _let_in(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A socket for a run, for one provider; it is started now, so that a broken one is known before the run begins."""
        who = identity(_binary(asked["binary"]), asked["environment"], str(self._sockets))
        self._keepers.add(Path(asked["keeper"]))
        protocol = (await self._pool.any(who)).protocol
        names = frozenset(asked["names"]) if asked["names"] is not None else None
        path = self._sockets / f"r{next(self._numbers)}"
        front = Front(Guest(asked["run"], who, asked["root"], names), self._pool, self._memory, path)
        await front.open()
        self._visits[path.name] = _Visit(front, Path(asked["until"]))
        self._leaving = False
        return {"address": str(path), "protocol": protocol, "pid": os.getpid()}

    async def _status(self, _: dict[str, Any]) -> dict[str, Any]:
        providers = [
            {
                "source": each.binary.source,
                "version": each.binary.version,
                "pid": each.process.pid,
                "configured": each.configured is not None,
                "calls": len(each.in_flight),
            }
            for each in self._pool.members
        ]
        return {
            "pid": os.getpid(),
            "runs": [each.front.guest.run for each in self._visits.values()],
            "providers": providers,
        }

    async def _end_when_unused(self, _: dict[str, Any]) -> dict[str, Any]:
        """The worker goes: end now, or with the last run that still needs this."""
        await self._tidy()
        self._leaving = True
        return {"ending": not self._visits}


def _binary(told: dict[str, str]) -> ProviderBinary:
    return ProviderBinary(told["source"], told["version"], Path(told["path"]), told["digest"])


def main(folder: Path) -> int:
    """Serve; a second host for a folder does nothing."""
    os.umask(0o077)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FolderLock(folder / "host.lock")
    if not lock.take_soon():
        return 0
    sockets = Path(tempfile.mkdtemp(prefix="butai-"))
    try:
        crashes.clear(folder)
        write_json(folder / "host.json", {"sockets": str(sockets), "pid": os.getpid()})
        asyncio.run(Host(folder, sockets).serve())
        # Where this file is and no host is, one was killed.
        (folder / "host.json").unlink()
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
