"""One provider process: started in its debug mode, in which any number of engines may attach to it, and the channel to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from butai.terraform.accelerator.asking import Channel
from butai.terraform.accelerator.connection import CallError, Status
from butai.terraform.accelerator.protocol import REPEATABLE, SERVICES
from butai.terraform.packages import ProviderBinary

START_S = 60.0
LOOK_EVERY_S = 0.02
END_S = 5.0
LAST_BREATH_S = 0.5
# The provider's own words are kept for a look, not for ever.
LOG_AT_MOST = 8 * 1024 * 1024
_REATTACH = re.compile(rb"TF_REATTACH_PROVIDERS='(\{.*\})'")
# A provider must not outlive its host: it would hold credentials, and nobody would end it. Linux tells a child when
# its parent dies; elsewhere the host's next start ends what is left.
_LAUNCHER = """\
import ctypes, os, sys
try:
    ctypes.CDLL(None).prctl(1, 15)
except AttributeError:
    pass
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


_LOGS = ("TF_LOG", "TF_LOG_PROVIDER", "TF_LOG_SDK", "TF_LOG_SDK_PROTO")


class ProviderError(Exception):
    """The provider does not do what it should; the message says what."""


@dataclass(frozen=True)
class InFlight:
    """A call that a provider has not answered. `asker`: the run that it came from; empty for the host itself."""

    asker: str
    method: str

    @property
    def repeatable(self) -> bool:
        """Whether it may be asked again."""
        return self.method in REPEATABLE


@dataclass(eq=False)
class Provider:
    """A living provider process. `configured`: the request that it was configured with, none before."""

    binary: ProviderBinary
    process: asyncio.subprocess.Process
    channel: Channel
    protocol: int
    folder: Path
    configured: bytes | None = None
    answer: bytes = b""
    stops: int = 0
    used_at: float = field(default_factory=time.monotonic)
    in_flight: dict[int, InFlight] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    # Closed while a Stop is on its way: what came in then would be reached by it.
    _door: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process.returncode is None

    async def call(self, method: str, request: bytes, *, asker: str = "") -> bytes:
        """One call and its answer, as bytes. Raises CallError. Cancelling this cancels the call there."""
        number = next(self._numbers)
        async with self._door:
            self.in_flight[number] = InFlight(asker, method)
        try:
            return await self._ask(method, request)
        except CallError as error:
            if error.status == Status.UNAVAILABLE:
                await self._died_within(LAST_BREATH_S)
            raise
        finally:
            del self.in_flight[number]
            self.used_at = time.monotonic()

    async def _died_within(self, seconds: float) -> None:
        """Its socket closes a moment before its end is known; whoever asks next must not be sent here."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), seconds)

    async def _ask(self, method: str, request: bytes) -> bytes:
        return await self.channel.call(f"/{SERVICES[self.protocol]}/{method}", request)

    async def stop_for(self, asker: str) -> bool:
        """The protocol's Stop: whatever goes on here gives up its waits. What comes later is not touched by it.

        False, and nothing is stopped, while something goes on for somebody else that could not be asked again.
        """
        async with self._door:
            if any(each.asker != asker and not each.repeatable for each in self.in_flight.values()):
                return False
            self.stops += 1
            await self._ask("Stop" if self.protocol == 5 else "StopProvider", b"")
            return True

    def trim_log(self) -> None:
        """Forget the oldest words once they are many."""
        for path in (self.folder / "stdout", self.folder / "stderr"):
            with contextlib.suppress(OSError):
                if path.stat().st_size > LOG_AT_MOST:
                    os.truncate(path, 0)

    async def end(self) -> None:
        """End its process; what it still does is given up."""
        self.channel.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), END_S)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


async def start(
    binary: ProviderBinary, environment: Mapping[str, str], *, host_pid: int, folder: Path, cwd: str
) -> Provider:
    """Start a provider in its debug mode. `folder`: for its socket and its words, made here. Raises ProviderError."""
    folder.mkdir(mode=0o700)
    with (folder / "stdout").open("ab") as out, (folder / "stderr").open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", _LAUNCHER, str(host_pid), str(binary.path), "-debug",
            env={**environment, **_quiet(binary), "TMPDIR": str(folder)},
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            start_new_session=True,
        )  # fmt: skip
    try:
        address, protocol = await _attached(binary, process, folder / "stdout")
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Provider(binary, process, Channel(address), protocol, folder)


def _quiet(binary: ProviderBinary) -> dict[str, str]:
    """In this mode a provider tells everything it does, requests with their contents too, unless it is told not to."""
    own = f"TF_LOG_PROVIDER_{binary.source.rpartition('/')[2].upper().replace('-', '_')}"
    return dict.fromkeys([*_LOGS, own], "OFF")


async def _attached(binary: ProviderBinary, process: asyncio.subprocess.Process, out: Path) -> tuple[str, int]:
    """The provider's socket and its protocol's version, as soon as it says them."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.returncode is None:
        found = _REATTACH.search(out.read_bytes())
        if found:
            return _address(binary, json.loads(found.group(1)))
        await asyncio.sleep(LOOK_EVERY_S)
    raise ProviderError(
        f"{binary.source} {binary.version} does not start in its debug mode (exit {process.returncode})"
    )


def _address(binary: ProviderBinary, told: dict[str, dict[str, object]]) -> tuple[str, int]:
    value = next(iter(told.values()))
    where, version = value["Addr"], value.get("ProtocolVersion")
    if not isinstance(where, dict) or where.get("Network") != "unix" or version not in SERVICES:
        raise ProviderError(f"{binary.source} {binary.version} speaks protocol {version} at {where}")
    return str(where["String"]), int(str(version))
