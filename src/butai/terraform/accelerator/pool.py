"""Which provider process a call goes to: one per binary, environment, folder and configuration, started when needed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path

from butai.terraform.accelerator.protocol import APPLY, Configuration, has_errors
from butai.terraform.accelerator.provider import Provider, start
from butai.terraform.environment import COLLECTION
from butai.terraform.packages import ProviderBinary

IDLE_S, IDLE_DESCRIBING_S = 300.0, 10.0
# Calls at once to one account: what AWS answers at once is limited more than what mostly waits for it.
ASKING_AT_ONCE, APPLYING_AT_ONCE = 40, 120


@dataclass(frozen=True, eq=False)
class Identity:
    """What a provider process is, before it is configured. `cwd`: the folder in which it looks for relative files.

    `describes`: it is asked only what it is and whether a configuration is right. That takes it seconds and hundreds of
    MB, once; one that only works is there in 0.3 s and keeps 60 MB of its own.
    `profiles`: a digest of the files with profiles and keys. A process reads them once, and they may name another account
    the next time.
    """

    binary: ProviderBinary
    environment: tuple[tuple[str, str], ...]
    cwd: str
    describes: bool = False
    profiles: str = ""

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self._key == other._key

    @cached_property
    def _key(self) -> str:
        # Every call is looked up by this several times, and an environment is long.
        who = [self.binary.source, self.binary.version, str(self.binary.path), self.binary.digest]
        return digest([who, self.environment, self.cwd, self.describes, self.profiles])

    @cached_property
    def account(self) -> str:
        """As whom it speaks to the cloud, as a digest: credentials, profile and endpoint."""
        as_whom = [pair for pair in self.environment if pair[0].startswith("AWS_") and "REGION" not in pair[0]]
        return digest(as_whom)


def identity(binary: ProviderBinary, environment: Mapping[str, str], cwd: str) -> Identity:
    """From an engine's environment: what the provider may see of it."""
    own = ("TF_", "BUTAI_", *COLLECTION)  # it lives long: its memory is collected as usual
    seen = {name: value for name, value in environment.items() if not name.startswith(own)}
    profiles = digest([_content(each) for each in _profile_files(seen)])
    return Identity(binary, tuple(sorted(seen.items())), cwd, profiles=profiles)


def _profile_files(environment: Mapping[str, str]) -> list[Path]:
    folder = Path(environment.get("HOME", "/")) / ".aws"
    named = [("AWS_CONFIG_FILE", folder / "config"), ("AWS_SHARED_CREDENTIALS_FILE", folder / "credentials")]
    return [Path(environment.get(name) or usual) for name, usual in named]


def _content(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def digest(value: object) -> str:
    """A short name for something that may be secret."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@dataclass
class Limits:
    """Calls at once to one account."""

    asking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ASKING_AT_ONCE))
    applying: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(APPLYING_AT_ONCE))

    def of(self, method: str) -> asyncio.Semaphore:
        """The limit for a call."""
        return self.applying if method == APPLY else self.asking


class Pool:
    """The provider processes of one host. `folder`: private, short enough for sockets. `crashes`: how many died."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._members: dict[Identity, list[Provider]] = defaultdict(list)
        self.crashes = 0
        self._leaving: list[Provider] = []
        self._locks: dict[Identity, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._limits: dict[str, Limits] = defaultdict(Limits)
        self._numbers = count(1)

    def limits(self, who: Identity) -> Limits:
        """The limits of the account that this process speaks to."""
        return self._limits[who.account]

    async def any(self, who: Identity) -> Provider:
        """A process of this identity, whether it is configured or not; started if there is none. Raises ProviderError."""
        async with self._locks[who]:
            living = self._living(who)
            return _used(living[0] if living else await self._start(who))

    async def configured(self, who: Identity, wanted: Configuration) -> Provider:
        """The process that was configured with exactly this; configured now, if there is none.

        One whose configuration failed is not kept: `answer` of what is returned says what was wrong.
        """
        async with self._locks[who]:
            living = self._living(who)
            for each in living:
                if each.configured == wanted.meaning:
                    return _used(each)
            fresh = next((each for each in living if each.configured is None), None) or await self._start(who)
            try:
                fresh.answer = await _used(fresh).call(wanted.method, wanted.request)
                fresh.configured = wanted.meaning
                return fresh
            finally:
                # One whose answer was not seen may become what was asked for at any time: it is nobody's from then on.
                if fresh.configured is None or has_errors(fresh.answer):
                    self._part_with(who, fresh)

    def _part_with(self, who: Identity, provider: Provider) -> None:
        if provider in self._members[who]:
            self._members[who].remove(provider)
            self._leaving.append(provider)

    def forget(self, cwd: str) -> None:
        """Nobody runs in this folder any more: processes that were started for it end."""
        for who in [each for each in self._members if each.cwd == cwd]:
            self._leaving += self._members.pop(who)
            self._locks.pop(who, None)

    def _living(self, who: Identity) -> list[Provider]:
        """Those that run. One that ended by itself is counted, and what it left is removed."""
        for each in [each for each in self._members[who] if not each.alive]:
            self._members[who].remove(each)
            self.crashes += 1
            shutil.rmtree(each.folder, ignore_errors=True)
        return self._members[who]

    async def _start(self, who: Identity) -> Provider:
        folder = self._folder / f"p{next(self._numbers)}"
        begun = await start(who.binary, dict(who.environment), host_pid=os.getpid(), folder=folder, cwd=who.cwd)
        self._members[who].append(begun)
        return begun

    @property
    def members(self) -> list[Provider]:
        """All living processes."""
        known = [*(each for group in self._members.values() for each in group), *self._leaving]
        return [each for each in known if each.alive]

    async def end_idle(self, idle_s: float = IDLE_S) -> None:
        """End what nobody has asked anything for some time, and what nobody is sent to any more."""
        await self._end_unused(self._leaving, 0.0)
        for who in list(self._members):
            await self._end_unused(self._living(who), min(idle_s, IDLE_DESCRIBING_S) if who.describes else idle_s)

    async def _end_unused(self, group: list[Provider], idle_s: float) -> None:
        for each in list(group):
            each.trim_log()
            if not each.in_flight and time.monotonic() - each.used_at >= idle_s:
                group.remove(each)
                self.crashes += not each.alive
                await each.end()

    async def end(self) -> None:
        """End all."""
        await asyncio.gather(*(each.end() for each in self.members), return_exceptions=True)
        self._members.clear()
        self._leaving.clear()


def _used(provider: Provider) -> Provider:
    """It is about to be asked something, so it is not idle."""
    provider.used_at = time.monotonic()
    return provider
