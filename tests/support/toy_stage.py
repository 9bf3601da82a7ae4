"""The toy provider behind the proxy in this process, and clients that ask as an engine does."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import grpc.aio
import msgpack

from butai.terraform.accelerator.front import Front
from butai.terraform.accelerator.memory import Memory
from butai.terraform.accelerator.pool import Pool, identity
from butai.terraform.accelerator.protocol import SERVICES
from butai.terraform.accelerator.proxy import Guest
from butai.terraform.accelerator.wire import encoded
from butai.terraform.packages import ProviderBinary
from support import toy_plugin
from support.toy_plugin import TOLD, command

SOURCE = "example.org/butai-tests/toy"


def toy_binary(folder: Path, digest: str = "h1:toy") -> ProviderBinary:
    """The toy as a provider's executable."""
    path = folder / "terraform-provider-toy"
    if not path.exists():
        path.write_text(f'#!/bin/sh\nexec {sys.executable} {toy_plugin.__file__} "$@"\n')
        path.chmod(0o755)
    return ProviderBinary(SOURCE, "1.0.0", path, digest)


def environment(folder: Path, name: str = "one", **more: str) -> dict[str, str]:
    """What the toy sees; another `name` is another identity."""
    return {"PATH": os.environ["PATH"], "TOY_FOLDER": str(folder), "TOY_NAME": name, **more}


def request(*, state: object = "none", planned: object = None, **told: Any) -> bytes:
    """A call that holds a prior state (`none`: no such field), a planned one and a command."""
    prior = b"" if state == "none" else encoded(2, encoded(1, msgpack.packb(state)))
    return encoded(1, b"toy_big") + prior + encoded(3, encoded(1, msgpack.packb(planned))) + encoded(TOLD, _json(told))


def configure(name: str, **told: Any) -> bytes:
    """A Configure with `name` as its configuration."""
    return encoded(1, b"1.11.4") + encoded(2, name.encode()) + encoded(TOLD, _json(told))


def _json(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told).encode()


class Client:
    """One connection, as an engine opens it."""

    def __init__(self, path: Path | str, protocol: int = 5) -> None:
        # Without this, connections of one process to one address are one.
        own = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        self.channel = grpc.aio.insecure_channel(f"unix:{path}", options=own)
        self._service = SERVICES[protocol]

    async def ask(self, method: str, message: bytes = b"", *, service: str = "") -> bytes:
        """A call's answer, as bytes."""
        called: Any = self.channel.unary_unary(f"/{service or self._service}/{method}")
        answer: bytes = await called(message)
        return answer

    async def told(self, method: str, message: bytes) -> dict[str, Any]:
        """What the toy says of itself in its answer."""
        return command(await self.ask(method, message))

    def begin(self, method: str, message: bytes) -> asyncio.Task[dict[str, Any]]:
        """A call that goes on meanwhile."""
        return asyncio.ensure_future(self.told(method, message))

    async def configured(self, name: str, **told: Any) -> Client:
        """This, after a Configure."""
        await self.ask("Configure", configure(name, **told))
        return self

    async def close(self) -> None:
        """As at an engine's death."""
        await self.channel.close()


class Stage:
    """Pool, memory and fronts on short paths. `folder` is the toy's."""

    def __init__(self, folder: Path, sockets: Path) -> None:
        self.folder, self.sockets = folder, sockets
        self.pool, self.memory = Pool(sockets), Memory(folder / "descriptions")
        self._numbers = count(1)
        self._fronts: list[Front] = []
        self._clients: list[Client] = []

    async def run(
        self, name: str = "one", *, root: Path | None = None, names: frozenset[str] | None = None, **more: str
    ) -> Front:
        """A run's socket. Another `name` is another identity."""
        number = next(self._numbers)
        who = identity(toy_binary(self.folder), environment(self.folder, name, **more), str(self.sockets))
        guest = Guest(f"run-{number}", who, str(root or self.folder / "no-root"), names)
        front = Front(guest, self.pool, self.memory, self.sockets / f"r{number}")
        await front.open()
        self._fronts.append(front)
        return front

    def connect(self, front: Front, protocol: int = 5) -> Client:
        """One more connection of a run."""
        client = Client(front.path, protocol)
        self._clients.append(client)
        return client

    async def client(self, name: str = "one", **more: Any) -> Client:
        """A run of its own and its only connection."""
        return self.connect(await self.run(name, **more))

    def calls(self, *methods: str, what: str = "asked") -> list[dict[str, Any]]:
        """What the toys were asked, in order."""
        path = self.folder / "calls"
        lines = [json.loads(each) for each in path.read_text().splitlines()] if path.exists() else []
        return [each for each in lines if each["method"] in methods and each["what"] == what]

    async def seen(self, method: str, times: int = 1, what: str = "asked") -> None:
        """Wait until the toys were asked this so often."""
        async with asyncio.timeout(10):
            while len(self.calls(method, what=what)) < times:
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()
        for front in self._fronts:
            await front.close()
        await self.pool.end()


@asynccontextmanager
async def toy_stage(folder: Path) -> AsyncIterator[Stage]:
    """Everything, ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="butai-t-") as sockets:
        stage = Stage(folder, Path(sockets))
        try:
            yield stage
        finally:
            await stage.close()
