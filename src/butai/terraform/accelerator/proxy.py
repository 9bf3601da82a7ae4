"""One connection of one run: what its engine asks, answered from memory or by the one provider process it is bound to."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import grpc.aio

from butai.terraform.accelerator.memory import Memory
from butai.terraform.accelerator.pool import Identity, Pool, digest
from butai.terraform.accelerator.protocol import (
    APPLY,
    CHECK_CONFIGURATION,
    CONFIGURE,
    REPEATABLE,
    SCHEMA,
    STATIC,
    STOP,
    has_errors,
    is_creation,
    relative_paths,
)
from butai.terraform.accelerator.provider import Provider, ProviderError

# How long somebody else's changes in the same provider are waited for, before what this run makes is given up unseen.
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class Guest:
    """A run as the host sees it. `names`: all that its configuration and state name, none where that is not known.

    `identity.cwd` is the host's own folder; `root` the one in which the run's engine works.
    """

    run: str
    identity: Identity
    root: str
    names: frozenset[str] | None


class StoppedError(Exception):
    """The run was stopped while this was asked."""


@dataclass(frozen=True)
class _Going:
    """A call that goes on: where, and whether it makes something."""

    provider: Provider
    makes: bool


@dataclass
class Connection:
    """What one connection asks. `number` is its own among all."""

    guest: Guest
    pool: Pool
    memory: Memory
    number: int
    # What it was configured with: the provider is found again by it, should it have died.
    configuration: tuple[str, bytes] | None = None
    _tasks: dict[asyncio.Task[bytes], _Going] = field(default_factory=dict)
    _stopping: asyncio.Task[None] | None = None

    async def answer(self, method: str, request: bytes) -> bytes:
        """The answer to one call. Raises grpc.aio.AioRpcError, ProviderError, StoppedError."""
        if method in STATIC:
            return await self._describe(method, request)
        if method in CHECK_CONFIGURATION:
            return await self._check(method, request)
        if method in CONFIGURE:
            return await self._configure(method, request)
        if method in STOP:
            self._stop()
            return b""
        return await self._forward(method, request)

    async def _describe(self, method: str, request: bytes) -> bytes:
        async def ask() -> bytes:
            return await (await self.pool.any(self._describing)).call(method, request)

        key, whole = await self.memory.description(self.guest.identity.binary.digest, method, request, ask)
        keep = self.guest.names
        return self.memory.trimmed(key, keep) if method in SCHEMA and keep is not None else whole

    async def _check(self, method: str, request: bytes) -> bytes:
        async def ask() -> bytes:
            return await (await self.pool.any(self._describing)).call(method, request)

        who = self.guest.identity
        if self._files(request):
            return await (await self.pool.any(self._own_identity)).call(method, request)
        return await self.memory.checked(digest([who.binary.digest, who.environment]), method, request, ask)

    async def _configure(self, method: str, request: bytes) -> bytes:
        self.configuration = (method, request)
        provider = await self._provider(self._files(request))
        if has_errors(provider.answer):
            self.configuration = None
        return provider.answer

    async def _forward(self, method: str, request: bytes) -> bytes:
        provider = await self._provider(self._files(request))
        async with self.pool.limits(self.guest.identity).of(method):
            while True:
                stops = provider.stops
                task = asyncio.ensure_future(provider.call(method, request, asker=self.number))
                self._tasks[task] = _Going(provider, method == APPLY and is_creation(request))
                answered = await self._finished(task)
                # Somebody else's stop reached this call too: what changes nothing is asked again.
                if provider.stops == stops or self._stopping or method not in REPEATABLE:
                    return answered

    async def _finished(self, task: asyncio.Task[bytes]) -> bytes:
        try:
            return await task
        except asyncio.CancelledError:
            task.cancel()
            if self._stopping is not None:
                raise StoppedError from None
            raise
        finally:
            self._tasks.pop(task, None)

    async def _provider(self, own: bool) -> Provider:
        """The process for a call; one of this run's own, in its folder, where a file of that folder is named."""
        who = self._own_identity if own else self.guest.identity
        if self.configuration is None:
            return await self.pool.any(who)
        return await self.pool.configured(who, *self.configuration)

    @property
    def _describing(self) -> Identity:
        return replace(self.guest.identity, describes=True)

    @property
    def _own_identity(self) -> Identity:
        return replace(self.guest.identity, cwd=self.guest.root)

    def _files(self, request: bytes) -> bool:
        """Whether a call names a file by its place in the run's folder, where a shared process would not look."""
        root = Path(self.guest.root)
        return any(_is_file(root / each) for each in relative_paths(request))

    def _stop(self) -> None:
        """The run is to stop: its calls here, nobody else's."""
        if self._stopping is None and self._tasks:
            self._stopping = asyncio.ensure_future(self._stop_calls())

    async def _stop_calls(self) -> None:
        """The provider's own Stop where that reaches nobody else's change, since only it gives an unfinished thing back.

        What makes nothing is cancelled alone. What makes something waits for a moment in which nobody else changes
        anything, and is given up in the end: what it made is then looked for by name.
        """
        deadline = time.monotonic() + PATIENCE_S
        stopped: set[int] = set()
        while self._tasks:
            for provider in {id(each.provider): each.provider for each in self._tasks.values()}.values():
                if id(provider) not in stopped and not provider.others_apply(self.number):
                    stopped.add(id(provider))
                    with contextlib.suppress(grpc.aio.AioRpcError):
                        await provider.stop_all()
            self._cancel(stopped, everything=time.monotonic() >= deadline)
            await asyncio.sleep(LOOK_EVERY_S)

    def _cancel(self, stopped: set[int], *, everything: bool) -> None:
        for task, going in list(self._tasks.items()):
            if everything or not (going.makes or id(going.provider) in stopped):
                task.cancel()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


Answer = Callable[[str, bytes], Awaitable[bytes]]
__all__ = ["Answer", "Connection", "Guest", "ProviderError", "StoppedError"]
