"""The socket of one run. An engine opens one connection for each configuration of a provider; calls do not say which."""

from __future__ import annotations

import asyncio
from pathlib import Path

from butai.terraform.accelerator.answering import Answer, ServerEnd
from butai.terraform.accelerator.connection import CallError, Status
from butai.terraform.accelerator.memory import Memory
from butai.terraform.accelerator.pool import Pool
from butai.terraform.accelerator.protocol import STREAMING, Call, Configuration, parse_call
from butai.terraform.accelerator.provider import ProviderError
from butai.terraform.accelerator.proxy import Connection, Guest, StoppedError

_HEALTH = "grpc.health.v1.Health"
_SERVING = b"\x08\x01"
# The frame around the protocol: its Shutdown is for a provider of one's own, and a shared one has no output to copy.
_SHUTDOWN = Call("plugin.GRPCController", "Shutdown")


class Front:
    """One run's socket at `path`, which is made here and only its owner may enter."""

    def __init__(self, guest: Guest, pool: Pool, memory: Memory, path: Path) -> None:
        self.guest, self.path = guest, path
        self._pool, self._memory = pool, memory
        self._listener: asyncio.Server | None = None
        self._open: dict[Connection, ServerEnd] = {}
        self._left: dict[bytes, Configuration] = {}

    async def open(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_unix_server(self._welcome, str(self.path))

    async def close(self) -> None:
        """Listen no more; connections that are open are closed."""
        if self._listener is not None:
            self._listener.close()
        for each in list(self._open.values()):
            each.transport.abort()
        self.path.unlink(missing_ok=True)

    def _welcome(self) -> ServerEnd:
        connection = Connection(self.guest, self._pool, self._memory, self._resumed)
        end = ServerEnd(lambda path: _answering(connection, parse_call(path)), lambda: self._left_by(connection))
        self._open[connection] = end
        return end

    def _left_by(self, connection: Connection) -> None:
        """The engine is gone: what it asked was cancelled, as by its death with a provider of its own."""
        del self._open[connection]
        if connection.configuration:
            self._left[connection.bound] = connection.configuration

    def _resumed(self) -> Configuration:
        """The configuration of a connection that asks without having been configured. Raises ProviderError.

        An engine closes a connection that it has not used for half an hour, and opens it again without configuring
        anew. Which one it was is told only where no other can be meant; a guess could be somebody else's account.
        """
        bound = {each.bound for each in self._open}
        closed = [each for key, each in self._left.items() if key not in bound]
        if len(closed) != 1:
            raise ProviderError("a call that needs a configuration came on a connection that has none")
        return closed[0]


def _answering(connection: Connection, call: Call) -> Answer | None:
    """Who answers a call: plain ones of the protocol, and what the frame around it wants to know."""
    if call.service == _HEALTH or call == _SHUTDOWN:
        return _constant(_SERVING if call.service == _HEALTH else b"")
    if not call.to_provider or call.method in STREAMING:
        return None

    async def answer(request: bytes) -> bytes:
        try:
            return await connection.answer(call.method, request)
        except StoppedError as error:
            raise CallError(Status.CANCELLED, "stopped") from error
        except ProviderError as error:
            raise CallError(Status.UNAVAILABLE, str(error)) from error

    return answer


def _constant(answer: bytes) -> Answer:
    async def constant(_: bytes) -> bytes:
        return answer

    return constant
