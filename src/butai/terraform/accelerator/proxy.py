"""One connection of one run: what its engine asks, answered from memory or by the one provider process it is bound to."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from butai.terraform.accelerator.connection import CallError
from butai.terraform.accelerator.memory import Memory
from butai.terraform.accelerator.pool import Identity, Pool, digest
from butai.terraform.accelerator.protocol import (
    APPLY,
    CHECK_CONFIGURATION,
    CHECK_WRITTEN,
    CONFIGURE,
    REPEATABLE,
    STATIC,
    STOP,
    UPGRADE,
    Configuration,
    has_errors,
    is_creation,
    may_name_one_of,
    needs_configuration,
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


@dataclass(eq=False)
class Connection:
    """What one connection asks. `resume`: the configuration of one that was closed and is opened again by this."""

    guest: Guest
    pool: Pool
    memory: Memory
    resume: Callable[[], Configuration]
    # What it was configured with: the provider is found again by it, should it have died.
    configuration: Configuration | None = None
    # Whether that names files of the run's folder.
    _apart: bool = False
    _tasks: dict[asyncio.Task[bytes], _Going] = field(default_factory=dict)
    _stopping: asyncio.Task[None] | None = None
    _stops: int = 0

    async def answer(self, method: str, request: bytes) -> bytes:
        """The answer to one call. Raises CallError, ProviderError, StoppedError."""
        if method in STATIC:
            return await self._describe(method, request)
        if method in CHECK_CONFIGURATION:
            return await self._check(method, request)
        if method in CONFIGURE:
            return await self._configure(method, request)
        if method in STOP:
            self._stop()
            return b""
        if method == UPGRADE:
            return await self._upgrade(method, request)
        files = self._files(request)
        if method in CHECK_WRITTEN and not (self._apart or files):
            return await self._check_written(method, request)
        return await self._forward(method, request, files=files)

    async def _describe(self, method: str, request: bytes) -> bytes:
        ask = partial(self._ask_describing, method, request)
        program = self.guest.identity.binary.digest
        return await self.memory.description(program, method, request, ask, keep=self.guest.names)

    async def _ask_describing(self, method: str, request: bytes) -> bytes:
        return await (await self.pool.any(self._describing)).call(method, request)

    async def _check(self, method: str, request: bytes) -> bytes:
        ask = partial(self._ask_describing, method, request)
        if self._files(request):
            return await (await self.pool.any(self._own_identity)).call(method, request)
        return await self.memory.checked(self._checker, method, request, ask)

    async def _check_written(self, method: str, request: bytes) -> bytes:
        ask = partial(self._forward, method, request, files=False)
        who = f"{self._checker} {hashlib.sha256(self.bound).hexdigest()}"
        return await self.memory.found_right(who, method, request, ask)

    async def _upgrade(self, method: str, request: bytes) -> bytes:
        ask = partial(self._forward, method, request, files=False)
        return await self.memory.current(self.guest.identity.binary.digest, method, request, ask)

    @cached_property
    def _checker(self) -> str:
        """The program, and all that it sees of its environment."""
        return digest([self.guest.identity.binary.digest, self.guest.identity.environment])

    async def _configure(self, method: str, request: bytes) -> bytes:
        self._apart = self._files(request)
        who = self._own_identity if self._apart else self.guest.identity
        wanted = Configuration(method, request)
        provider = await self.pool.configured(who, wanted)
        self.configuration = None if has_errors(provider.answer) else wanted
        return provider.answer

    async def _forward(self, method: str, request: bytes, *, files: bool) -> bytes:
        asked_at = self._stops
        if self.configuration is None and needs_configuration(method):
            self.configuration = self.resume()
            self._apart = self._files(self.configuration.request)
        provider = await self._provider(files)
        async with self.pool.limits(self.guest.identity).of(method):
            if self._stops != asked_at:
                raise StoppedError
            while True:
                stops = provider.stops
                try:
                    answered = await self._ask(provider, method, request)
                except CallError:
                    if not self._hit(provider, stops, method):
                        raise
                else:
                    if not self._hit(provider, stops, method):
                        return answered

    def _hit(self, provider: Provider, stops: int, method: str) -> bool:
        """Whether somebody else's stop reached a call of this run too; what changes nothing is asked again."""
        return provider.stops != stops and self._stopping is None and method in REPEATABLE

    async def _ask(self, provider: Provider, method: str, request: bytes) -> bytes:
        task = asyncio.ensure_future(provider.call(method, request, asker=self.guest.run))
        self._tasks[task] = _Going(provider, method == APPLY and is_creation(request))
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
        who = self._own_identity if own or self._apart else self.guest.identity
        if self.configuration is None:
            return await self.pool.any(who)
        found = await self.pool.configured(who, self.configuration)
        if has_errors(found.answer):
            raise ProviderError("a second process could not be configured as the first one was")
        return found

    @cached_property
    def _describing(self) -> Identity:
        return replace(self.guest.identity, describes=True)

    @property
    def bound(self) -> bytes:
        """What it was configured with, as far as that matters; empty before."""
        return self.configuration.meaning if self.configuration else b""

    @cached_property
    def _own_identity(self) -> Identity:
        return replace(self.guest.identity, cwd=self.guest.root)

    def _files(self, request: bytes) -> bool:
        """Whether a call names a file by its place in the run's folder, where a shared process would not look."""
        try:
            entries = os.listdir(os.fsencode(self.guest.root))  # noqa: PTH208 - as bytes, as they stand in a call
        except OSError:
            return False
        if not may_name_one_of(entries, request):
            return False
        # Not by Path, which takes longer than the question: there are dozens of texts in a call.
        return any(os.path.isfile(f"{self.guest.root}/{each}") for each in relative_paths(request))  # noqa: PTH113

    def _stop(self) -> None:
        """The run is to stop: its calls here, nobody else's."""
        self._stops += 1
        if self._tasks and (self._stopping is None or self._stopping.done()):
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
                with contextlib.suppress(CallError):
                    if id(provider) not in stopped and await provider.stop_for(self.guest.run):
                        stopped.add(id(provider))
            self._cancel(stopped, creations=time.monotonic() >= deadline)
            await asyncio.sleep(LOOK_EVERY_S)

    def _cancel(self, stopped: set[int], *, creations: bool) -> None:
        """What the provider was told to stop gives up by itself, in its own time."""
        for task, going in list(self._tasks.items()):
            if id(going.provider) not in stopped and (creations or not going.makes):
                task.cancel()
