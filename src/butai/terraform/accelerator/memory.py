"""Answers that are always the same: asked for once, kept in memory, and on disk where nothing in them is secret.

An answer that says what is wrong is not kept: it may be right the next time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from butai.datafolder import write_private
from butai.terraform.accelerator.protocol import SCHEMA, diagnostics_of, has_errors, misses, names, trimmed
from butai.terraform.accelerator.wire import WireError

Ask = Callable[[], Awaitable[bytes]]
_TRIMMED_AT_MOST = 64
_RIGHT_AT_MOST = 20_000


class Memory:
    """What providers said before. `folder`: where it is kept between starts of the host."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._known: dict[str, bytes] = {}
        self._names: dict[str, frozenset[str]] = {}
        self._trimmed: OrderedDict[tuple[str, frozenset[str]], bytes] = OrderedDict()
        self._right: OrderedDict[str, None] = OrderedDict()
        self._flights: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def description(
        self, binary: str, method: str, request: bytes, ask: Ask, *, keep: frozenset[str] | None = None
    ) -> bytes:
        """What a provider says of itself. `binary`: the program's digest; `keep`: the names that matter, none for all."""
        key = _key(binary, method, request)
        async with self._flights[key]:
            if key not in self._known:
                answer = self._read(key) or await ask()
                if has_errors(answer, diagnostics_of(method)):
                    return answer
                self._known[key] = answer
                if method in SCHEMA:
                    self._write(key, answer)
        return self._trim(key, keep) if method in SCHEMA and keep is not None else self._known[key]

    async def checked(self, who: str, method: str, request: bytes, ask: Ask) -> bytes:
        """What a provider says of a configuration. `who`: the program and all that it sees of its environment.

        A configuration may hold secrets. So all that is on disk is the digest of one that was found right and given back
        as it came.
        """
        key = _key(who, method, request)
        async with self._flights[key]:
            if key not in self._known:
                unchanged = (self._folder / key).exists()
                answer = request if unchanged else await ask()
                if has_errors(answer, diagnostics_of(method)):
                    return answer
                self._known[key] = answer
                if answer == request:
                    self._write(key, b"")
        return self._known[key]

    async def found_right(self, who: str, method: str, request: bytes, ask: Ask) -> bytes:
        """What a provider says of what is written for a resource: nothing, where it was found right before.

        `who`: the program, all that it sees of its environment, and its own configuration. Only digests are kept.
        """
        key = _key(who, method, request)
        if key in self._right:
            self._right.move_to_end(key)
            return b""
        answer = await ask()
        if not answer:
            self._right[key] = None
            if len(self._right) > _RIGHT_AT_MOST:
                self._right.popitem(last=False)
        return answer

    def _trim(self, key: str, keep: frozenset[str]) -> bytes:
        whole = self._known[key]
        if key not in self._names:
            try:
                self._names[key] = names(whole)
            except (WireError, UnicodeDecodeError):
                return whole
        if misses(self._names[key], keep):
            return whole
        used = self._names[key] & keep
        if (key, used) not in self._trimmed:
            self._trimmed[key, used] = trimmed(whole, used)
        self._trimmed.move_to_end((key, used))
        while len(self._trimmed) > _TRIMMED_AT_MOST:
            self._trimmed.popitem(last=False)
        return self._trimmed[key, used]

    def _write(self, key: str, content: bytes) -> None:
        """On a full disk it is asked again at the next start, no more."""
        path = self._folder / key
        with suppress(OSError):
            if not path.exists():
                write_private(path, content)

    def _read(self, key: str) -> bytes:
        try:
            return (self._folder / key).read_bytes()
        except OSError:
            return b""


def _key(who: str, method: str, request: bytes) -> str:
    return hashlib.sha256(b"\0".join([who.encode(), method.encode(), request])).hexdigest()
