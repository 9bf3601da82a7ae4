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
from butai.terraform.accelerator.protocol import (
    SCHEMA,
    diagnostics_of,
    has_diagnostics,
    has_errors,
    is_current,
    misses,
    names,
    trimmed,
    versions,
)
from butai.terraform.accelerator.wire import WireError

Ask = Callable[[], Awaitable[bytes]]
_MB = 2**20
# What one more answer takes beside its bytes.
_EACH = 200


class _Recent:
    """The answers that were used last, `at_most` so many bytes of them."""

    def __init__(self, at_most: int) -> None:
        self._at_most, self._bytes = at_most, 0
        self._answers: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        """One that is still there."""
        if key in self._answers:
            self._answers.move_to_end(key)
        return self._answers.get(key)

    def keep(self, key: str, answer: bytes) -> bytes:
        """One more; gives it back."""
        self._bytes += len(answer) + _EACH - self._size(key)
        self._answers[key] = answer
        while self._bytes > self._at_most and self._answers:
            oldest = next(iter(self._answers))
            self._bytes -= self._size(oldest)
            del self._answers[oldest]
        return answer

    def _size(self, key: str) -> int:
        return len(self._answers[key]) + _EACH if key in self._answers else 0


class Memory:
    """What providers said before. `folder`: where it is kept between starts of the host."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._known: dict[str, bytes] = {}
        self._names: dict[str, frozenset[str]] = {}
        self._schemas: dict[str, str] = {}
        self._versions: dict[str, dict[str, int]] = {}
        self._trimmed, self._right, self._states = _Recent(64 * _MB), _Recent(4 * _MB), _Recent(16 * _MB)
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
                    self._schemas[binary] = key
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
        if (known := self._right.get(key)) is not None:
            return known
        answer = await ask()
        return answer or self._right.keep(key, answer)

    async def current(self, binary: str, method: str, request: bytes, ask: Ask) -> bytes:
        """What a program makes of a state that has the version that it writes: the same, whoever asks. `binary`: its digest.

        A state of an older version is upgraded by the program, which may look at the cloud for it. A state may hold secrets,
        so it is in memory alone.
        """
        if not is_current(request, self._versions_of(binary)):
            return await ask()
        key = _key(binary, method, request)
        if (known := self._states.get(key)) is not None:
            return known
        answer = await ask()
        return answer if has_diagnostics(answer, diagnostics_of(method)) else self._states.keep(key, answer)

    def _versions_of(self, binary: str) -> dict[str, int]:
        if binary not in self._schemas:
            return {}
        if binary not in self._versions:
            self._versions[binary] = versions(self._known[self._schemas[binary]])
        return self._versions[binary]

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
        of = f"{key} {' '.join(sorted(used))}"
        known = self._trimmed.get(of)
        return self._trimmed.keep(of, trimmed(whole, used)) if known is None else known

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
