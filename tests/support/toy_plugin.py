"""A provider that is only a test's: started with `-debug` as real ones are, it writes down what it is asked and obeys.

    toy_plugin.py -debug

A request may hold a command for it as JSON in field 1000: `sleep`, `wait` (for Stop, for a cancellation or for a file),
`fail`, `die`, `refuse` (a Configure), `right` (an empty answer, as of a check that finds nothing). An answer is the request
and who answered, in field 1000 too. The protocol's version is TOY_PROTOCOL; calls are written to TOY_FOLDER.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import grpc.aio

from butai.terraform.accelerator.wire import WireError, encoded, last

TOLD = 1000
ERROR, WARNING = encoded(1, b"\x08\x01"), encoded(1, b"\x08\x02")
RANDOM = "AskForRandomBytes"
SCHEMA_NAMES = ("toy_big", "toy_small", "toy_other")
Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"


def schema() -> bytes:
    """What it says of itself: the states of all its types have version 2."""
    return encoded(1, b"provider") + b"".join(
        encoded(number, encoded(1, name.encode()) + encoded(2, b"\x08\x02" + encoded(2, b"block of " + name.encode())))
        for number in (2, 3)
        for name in SCHEMA_NAMES
    )


def random_answer(request: bytes) -> bytes:
    """What a call of RANDOM is answered: bytes that are no message, the same for the same request."""
    source = random.Random(request)
    return source.randbytes(source.randint(0, 5000))


class Toy:
    """The provider."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stop = asyncio.Event()
        self._configuration = b""

    def note(self, method: str, request: bytes, what: str = "asked") -> None:
        """Write a call down; one line, appended whole."""
        line = {"pid": os.getpid(), "method": method, "what": what, "request": request.hex(), "at": time.time()}
        with (self._folder / "calls").open("ab", buffering=0) as file:
            file.write(json.dumps(line).encode() + b"\n")

    async def answer(self, method: str, request: bytes, context: Context) -> bytes:
        """What it says to a call."""
        self.note(method, request)
        try:
            return await self._answer(method, request, context)
        except asyncio.CancelledError:
            self.note(method, request, "cancelled")
            raise

    async def _answer(self, method: str, request: bytes, context: Context) -> bytes:
        if method in ("Stop", "StopProvider"):
            await asyncio.sleep(0.4 if (self._folder / "slow-stop").exists() else 0)
            self._stop.set()
            self._stop = asyncio.Event()
            return b""
        if method in ("GetSchema", "GetProviderSchema"):
            await asyncio.sleep(0.2)
            return ERROR.replace(b"\x0a", b"\x22", 1) if (self._folder / "no-schema").exists() else schema()
        if method in ("PrepareProviderConfig", "ValidateProviderConfig"):
            return await self._check(request)
        if method in ("Configure", "ConfigureProvider"):
            # As in Go: nobody's going away ends what was begun.
            return await asyncio.shield(asyncio.ensure_future(self._configure(request)))
        if method == RANDOM:
            return random_answer(request)
        return await self._work(method, request, context)

    async def _check(self, request: bytes) -> bytes:
        await asyncio.sleep(0.1)
        return encoded(2, b"\x08\x01") if command(request).get("refuse") else request

    async def _configure(self, request: bytes) -> bytes:
        told = command(request)
        await asyncio.sleep(told.get("sleep", 0))
        self._configuration = last(request, 2)
        refused = told.get("refuse") or ("refuse_if" in told and (self._folder / told["refuse_if"]).exists())
        return ERROR if refused else WARNING

    async def _work(self, method: str, request: bytes, context: Context) -> bytes:
        told = command(request)
        stopped = False
        if told.get("die"):
            os._exit(3)
        if "fail" in told:
            code = next(each for each in grpc.StatusCode if each.value[0] == told["fail"])
            await context.abort(code, told["details"])
        if "sleep" in told:
            await asyncio.sleep(told["sleep"])
        if "wait" in told:
            stopped = await self._wait(self._folder / told["wait"], deaf=bool(told.get("deaf")))
        if told.get("right"):
            return b""
        return request + encoded(TOLD, json.dumps({**self._me(), "stopped": stopped}).encode())

    async def _wait(self, file: Path, *, deaf: bool) -> bool:
        stop = self._stop
        while not file.exists():
            if stop.is_set() and not deaf:
                return True
            await asyncio.sleep(0.01)
        return False

    def _me(self) -> dict[str, Any]:
        configured = self._configuration.decode(errors="replace")
        return {"pid": os.getpid(), "configuration": configured, "name": os.environ["TOY_NAME"], "cwd": str(Path.cwd())}


def command(message: bytes) -> dict[str, Any]:
    """What is told in a request or an answer; nothing where that is no message."""
    try:
        found: dict[str, Any] = json.loads(last(message, TOLD) or b"{}")
    except (WireError, ValueError):
        return {}
    return found


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, toy: Toy) -> None:
        self._toy = toy

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        method = details.method.rpartition("/")[2]
        return grpc.unary_unary_rpc_method_handler(self._answering(method))

    def _answering(self, method: str) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def answer(request: bytes, context: Context) -> bytes:
            return await self._toy.answer(method, request, context)

        return answer


async def main() -> None:
    """Serve until somebody ends this."""
    protocol = int(os.environ.get("TOY_PROTOCOL", "5"))
    toy = Toy(Path(os.environ["TOY_FOLDER"]))
    toy.note("start", b"")
    address = Path(tempfile.mkdtemp(prefix="plugin")) / "s"
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((_Handler(toy),))
    server.add_insecure_port(f"unix:{address}")
    await server.start()
    value = {
        "Protocol": "grpc",
        "ProtocolVersion": protocol,
        "Pid": os.getpid(),
        "Test": True,
        "Addr": {"Network": "unix", "String": str(address)},
    }
    print(
        "Provider started. To attach Terraform CLI, set the TF_REATTACH_PROVIDERS environment variable with the following:\n"
    )
    print(f"\tTF_REATTACH_PROVIDERS='{json.dumps({'example.org/butai-tests/toy': value})}'\n", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    assert sys.argv[1:] == ["-debug"], sys.argv
    asyncio.run(main())
