"""The socket of one run. Every connection to it gets a server of its own, so that nobody can be taken for somebody else.

An engine opens one connection for each configuration of a provider that it uses; calls do not say which. gRPC's server does
not tell connections on a unix socket apart either.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import TypeAlias

import grpc
import grpc.aio

from butai.terraform.accelerator.memory import Memory
from butai.terraform.accelerator.pool import Pool
from butai.terraform.accelerator.protocol import STREAMING, Call, parse_call
from butai.terraform.accelerator.provider import NO_LIMIT, ProviderError
from butai.terraform.accelerator.proxy import Connection, Guest, StoppedError

_NUMBERS = count(1)
_CHUNK = 256 * 1024
_HEALTH = "grpc.health.v1.Health"
_SERVING = b"\x08\x01"
# The frame around the protocol: its Shutdown is for a provider of one's own, and a shared one has no output to copy.
_SHUTDOWN = Call("plugin.GRPCController", "Shutdown")

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"


class Front:
    """One run's socket at `path`, which is made here and only its owner may enter."""

    def __init__(self, guest: Guest, pool: Pool, memory: Memory, path: Path) -> None:
        self.guest, self.path = guest, path
        self._pool, self._memory = pool, memory
        self._listener: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()
        self._left: dict[bytes, tuple[str, bytes]] = {}

    async def open(self) -> None:
        """Listen."""
        self._listener = await asyncio.start_unix_server(self._welcome, str(self.path))

    async def close(self) -> None:
        """Listen no more; connections that are open are closed."""
        if self._listener is not None:
            self._listener.close()
        for each in list(self._open):
            each.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(_NUMBERS)
        inner = self.path.with_name(f"c{number}")
        connection = Connection(self.guest, self._pool, self._memory, self._resumed)
        self._connections.add(connection)
        server = grpc.aio.server(options=NO_LIMIT)
        server.add_generic_rpc_handlers((_Handler(connection),))
        server.add_insecure_port(f"unix:{inner}")
        await server.start()
        try:
            to_reader, to_writer = await asyncio.open_unix_connection(str(inner))
            await _both(_pump(reader, to_writer), _pump(to_reader, writer))
        finally:
            # The engine is gone: what it asked is cancelled, as by its death with a provider of its own.
            await server.stop(None)
            inner.unlink(missing_ok=True)
            self._connections.discard(connection)
            if connection.configuration:
                self._left[connection.bound] = connection.configuration

    def _resumed(self) -> tuple[str, bytes]:
        """The configuration of a connection that asks without having been configured. Raises ProviderError.

        An engine closes a connection that it has not used for half an hour, and opens it again without configuring
        anew. Which one it was is told only where no other can be meant; a guess could be somebody else's account.
        """
        bound = {each.bound for each in self._connections}
        closed = [each for key, each in self._left.items() if key not in bound]
        if len(closed) != 1:
            raise ProviderError("a call that needs a configuration came on a connection that has none")
        return closed[0]


async def _both(*pumps: Awaitable[None]) -> None:
    """Until either side has closed."""
    tasks = [asyncio.ensure_future(each) for each in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        try:
            while chunk := await reader.read(_CHUNK):
                writer.write(chunk)
                await writer.drain()
        finally:
            writer.close()


class _Handler(grpc.GenericRpcHandler):
    """Takes every unary call as bytes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        call = parse_call(details.method)
        if call.to_provider and call.method not in STREAMING:
            return grpc.unary_unary_rpc_method_handler(_answering(self._connection, call.method))
        if call.service == _HEALTH or call == _SHUTDOWN:
            return grpc.unary_unary_rpc_method_handler(_constant(_SERVING if call.service == _HEALTH else b""))
        return None


def _answering(connection: Connection, method: str) -> Callable[[bytes, Context], Awaitable[bytes]]:
    async def answer(request: bytes, context: Context) -> bytes:
        try:
            return await connection.answer(method, request)
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "")
        except StoppedError:
            await context.abort(grpc.StatusCode.CANCELLED, "stopped")
        except ProviderError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))

    return answer


def _constant(answer: bytes) -> Callable[[bytes, Context], Awaitable[bytes]]:
    async def constant(_: bytes, __: Context) -> bytes:
        return answer

    return constant
