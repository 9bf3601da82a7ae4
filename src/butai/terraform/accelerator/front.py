"""The socket of one run. Every connection to it gets a server of its own, so that nobody can be taken for somebody else.

An engine opens one connection for each configuration of a provider that it uses; calls do not say which. gRPC's server does
not tell connections on a unix socket apart either.
"""

from __future__ import annotations

import asyncio
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
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_unix_server(lambda: _End(self._welcome), str(self.path))

    async def close(self) -> None:
        """Listen no more; connections that are open are closed."""
        if self._listener is not None:
            self._listener.close()
        for each in list(self._open):
            each.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    def _welcome(self, engine: _End) -> None:
        task = asyncio.ensure_future(self._serve(engine))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        task.add_done_callback(lambda _: engine.transport.abort())

    async def _serve(self, engine: _End) -> None:
        number = next(_NUMBERS)
        inner = self.path.with_name(f"c{number}")
        connection = Connection(self.guest, self._pool, self._memory, self._resumed)
        self._connections.add(connection)
        server = grpc.aio.server(options=NO_LIMIT)
        server.add_generic_rpc_handlers((_Handler(connection),))
        server.add_insecure_port(f"unix:{inner}")
        await server.start()
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: _End(engine.join), str(inner))
            await engine.closed.wait()
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


class _End(asyncio.Protocol):
    """One end of a connection. What comes in goes out at the other end, which is closed with it, no faster than it may.

    `made` is called with it once it is there; nothing is read before it is joined with another. (Streams would do, but take
    two more steps of the loop for every piece: a tenth of a call.)
    """

    transport: asyncio.Transport

    def __init__(self, made: Callable[[_End], None]) -> None:
        self._made, self._other = made, self
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()
        self._made(self)

    def join(self, other: _End) -> None:
        """The two belong together from now on."""
        self._other, other._other = other, self
        for each in (self, other):
            each.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._other.transport.write(data)

    def pause_writing(self) -> None:
        self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        self._other.transport.resume_reading()

    def connection_lost(self, _: Exception | None) -> None:
        self._other.transport.close()
        self.closed.set()


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
