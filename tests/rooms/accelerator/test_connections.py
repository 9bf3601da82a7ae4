"""Both ends of a connection against gRPC's own, and against what Terraform and a provider once sent."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from butai.terraform.accelerator import frames
from butai.terraform.accelerator.answering import Answer, ServerEnd
from butai.terraform.accelerator.asking import Channel, ClientEnd
from butai.terraform.accelerator.connection import CallError, Status
from butai.terraform.accelerator.frames import FrameReader
from support.pieces import pieces
from support.threads import in_a_loop

RECORDED = Path(__file__).parent / "recorded"
PATH = "/a.Service/Method"
# gRPC's client takes only so much at once before it says that there is room again.
SMALL = [("grpc.http2.lookahead_bytes", 1024), ("grpc.http2.bdp_probe", 0), ("grpc.max_receive_message_length", -1)]


class Wire(asyncio.Transport):
    """Keeps what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent, self.closing = b"", False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def frames(self) -> list[frames.Frame]:
        return FrameReader().feed(self.sent.removeprefix(frames.PREFACE))


async def _backwards(request: bytes) -> bytes:
    return request[::-1]


@asynccontextmanager
async def served(folder: Path, answer: Answer) -> AsyncIterator[Path]:
    """Our end that answers, on a socket."""
    ends: list[ServerEnd] = []

    def welcome() -> ServerEnd:
        ends.append(ServerEnd(lambda path: answer if path == PATH else None, lambda: None))
        return ends[-1]

    server = await asyncio.get_running_loop().create_unix_server(welcome, str(folder / "s"))
    try:
        yield folder / "s"
    finally:
        server.close()
        for each in ends:
            each.transport.abort()


@asynccontextmanager
async def served_by_grpc(
    folder: Path, answer: Callable[[bytes, Any], Awaitable[bytes]]
) -> AsyncIterator[grpc.aio.Server]:
    """gRPC's own end that answers, on a socket; it takes little at once."""

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
            return grpc.unary_unary_rpc_method_handler(answer) if details.method == PATH else None

    server = grpc.aio.server(options=SMALL)
    server.add_generic_rpc_handlers((Handler(),))
    server.add_insecure_port(f"unix:{folder / 's'}")
    await server.start()
    try:
        yield server
    finally:
        await server.stop(None)


def _many() -> list[bytes]:
    source = random.Random(11)
    sizes = [0, 1, 16_379, 16_380, 65_530, 65_531, *(source.randint(0, 200_000) for _ in range(30)), 5_000_000]
    return [source.randbytes(each) for each in sizes]


def test_grpcs_own_client_is_answered_whole_with_many_at_once(tmp_path: Path) -> None:
    async def play() -> None:
        async with (
            served(tmp_path, _backwards) as path,
            grpc.aio.insecure_channel(f"unix:{path}", options=SMALL) as channel,
        ):
            called: Any = channel.unary_unary(PATH)
            for _ in range(3):
                assert await asyncio.gather(*map(called, _many())) == [each[::-1] for each in _many()]

    in_a_loop(play())


def test_grpcs_own_server_is_asked_whole_with_many_at_once(tmp_path: Path) -> None:
    async def answer(request: bytes, _: Any) -> bytes:
        return request[::-1]

    async def play() -> None:
        async with served_by_grpc(tmp_path, answer):
            channel = Channel(str(tmp_path / "s"))
            for _ in range(3):
                asked = [channel.call(PATH, each) for each in _many()]
                assert await asyncio.gather(*asked) == [each[::-1] for each in _many()]
            with pytest.raises(CallError) as raised:
                await channel.call("/a.Service/Other", b"")
            assert raised.value.status == Status.UNIMPLEMENTED
            channel.close()

    in_a_loop(play())


def test_a_call_given_up_is_cancelled_at_the_other_end_and_no_other(tmp_path: Path) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def answer(request: bytes, _: Any) -> bytes:
        if request == b"wait":
            begun.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.set()
                raise
        return request

    async def play() -> None:
        async with served_by_grpc(tmp_path, answer):
            channel = Channel(str(tmp_path / "s"))
            going = asyncio.ensure_future(channel.call(PATH, b"wait"))
            await asyncio.wait_for(begun.wait(), 10)
            going.cancel()
            await asyncio.wait_for(cancelled.wait(), 10)
            assert await channel.call(PATH, b"x" * 100_000) == b"x" * 100_000
            channel.close()

    in_a_loop(play())


def test_a_server_that_goes_is_told_and_the_next_one_is_found(tmp_path: Path) -> None:
    async def answer(request: bytes, _: Any) -> bytes:
        await asyncio.sleep(60 if request == b"wait" else 0)
        return request

    async def play() -> None:
        channel = Channel(str(tmp_path / "s"))
        with pytest.raises(CallError, match="nobody listens") as raised:
            await channel.call(PATH, b"")
        assert raised.value.status == Status.UNAVAILABLE
        for _ in range(2):
            async with served_by_grpc(tmp_path, answer):
                assert await channel.call(PATH, b"a") == b"a"
                going = asyncio.ensure_future(channel.call(PATH, b"wait"))
                await asyncio.sleep(0.2)
            with pytest.raises(CallError) as raised:
                await going
            assert raised.value.status in (Status.UNAVAILABLE, Status.CANCELLED)
        channel.close()

    in_a_loop(play())


def test_what_goes_wrong_in_an_answer_ends_the_call_and_not_the_connection(tmp_path: Path) -> None:
    async def answer(request: bytes) -> bytes:
        if request == b"told":
            raise CallError(Status.RESOURCE_EXHAUSTED, "zu viel: 多すぎ %")
        if request == b"cancelled":
            raise asyncio.CancelledError
        raise LookupError("no such thing")

    async def play() -> None:
        async with served(tmp_path, answer) as path, grpc.aio.insecure_channel(f"unix:{path}") as channel:
            for asked, code, words in (
                (b"told", grpc.StatusCode.RESOURCE_EXHAUSTED, "zu viel: 多すぎ %"),
                (b"else", grpc.StatusCode.UNKNOWN, "LookupError: no such thing"),
                (b"cancelled", grpc.StatusCode.CANCELLED, "given up"),
            ):
                called: Any = channel.unary_unary(PATH)
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await called(asked)
                assert (raised.value.code(), raised.value.details()) == (code, words)

    in_a_loop(play())


def test_an_errors_words_may_be_long_and_wide(tmp_path: Path) -> None:
    words = "多すぎ " * 30_000

    async def answer(_: bytes) -> bytes:
        raise CallError(Status.UNKNOWN, words)

    async def play() -> None:
        async with served(tmp_path, answer) as path:
            channel = Channel(str(path))
            for _ in range(2):
                with pytest.raises(CallError) as raised:
                    await channel.call(PATH, b"")
                assert (raised.value.status, raised.value.message) == (Status.UNKNOWN, words)
            channel.close()

    in_a_loop(play())


@pytest.mark.parametrize(
    ("told", "body"),
    [({"grpc-status": "0"}, frames.message(b"a") * 2), ({"grpc-status": "fine"}, b""), ({}, frames.message(b"a"))],
)
def test_an_answer_that_is_none_ends_its_call_and_no_other(told: dict[str, str], body: bytes) -> None:
    async def play() -> None:
        end, wire = ClientEnd(), Wire()
        end.connection_made(wire)
        calls = [asyncio.ensure_future(end.call(PATH, b"")) for _ in range(2)]
        await asyncio.sleep(0)
        block = Encoder().encode([(":status", "200"), *told.items()])
        end.data_received(frames.frame(frames.DATA, 0, 1, body) + frames.headers(1, block, end=True))
        with pytest.raises(CallError) as raised:
            await calls[0]
        assert raised.value.status == Status.INTERNAL and not wire.closing and not calls[1].done()
        right = frames.headers(3, frames.DONE, end=True)
        end.data_received(frames.frame(frames.DATA, 0, 3, frames.message(b"right")) + right)
        assert await calls[1] == b"right"

    in_a_loop(play())


async def _replayed(name: str, cuts: list[int]) -> tuple[list[tuple[str, bytes]], Wire]:
    """What a server's end was asked by recorded bytes that come in pieces."""
    asked: list[tuple[str, bytes]] = []

    def find(path: str) -> Answer | None:
        async def answer(request: bytes) -> bytes:
            asked.append((path, request))
            return request

        return answer if "Provider" in path else None

    whole, end, wire = (RECORDED / name).read_bytes(), ServerEnd(find, lambda: None), Wire()
    end.connection_made(wire)
    for piece in pieces(whole, cuts):
        end.data_received(piece)
    await asyncio.sleep(0.01)
    return asked, wire


@settings(max_examples=25)
@given(st.lists(st.integers(0, 4000), max_size=15))
def test_what_terraform_once_sent_is_understood_in_any_pieces(cuts: list[int]) -> None:
    async def play() -> None:
        asked, wire = await _replayed("terraform-plans", cuts)
        assert [path.rpartition("/")[2] for path, _ in asked] == [
            "PrepareProviderConfig", "Configure", "ValidateResourceTypeConfig", "PlanResourceChange",
        ]  # fmt: skip
        assert asked[2][1].startswith(b"\n\x18aws_cloudwatch_log_group") and not wire.closing
        told = [frames.the_message(each.payload) for each in wire.frames() if each.kind == frames.DATA]
        assert told == [request for _, request in asked], "each is answered with what was asked"
        came = FrameReader().feed((RECORDED / "terraform-plans").read_bytes().removeprefix(frames.PREFACE))
        pings = [each.payload for each in came if each.kind == frames.PING and not each.flags]
        assert [each.payload for each in wire.frames() if each.kind == frames.PING] == pings != []

    in_a_loop(play())


def test_what_a_provider_once_sent_is_understood() -> None:
    async def play() -> None:
        end, wire = ClientEnd(), Wire()
        end.connection_made(wire)
        calls = [asyncio.ensure_future(end.call(PATH, b"%d" % each)) for each in range(7)]
        await asyncio.sleep(0)
        end.data_received((RECORDED / "provider-answers").read_bytes())
        answers = await asyncio.gather(*calls)
        assert [len(each) for each in answers] == [0, 0, 0, 210, 0, 210, 194]

    in_a_loop(play())


@settings(max_examples=60)
@given(st.binary(max_size=200), st.booleans(), st.integers(0, 2500))
def test_random_bytes_end_the_connection_at_most(noise: bytes, answering: bool, at: int) -> None:
    async def play() -> None:
        end = ServerEnd(lambda _: _backwards, lambda: None) if answering else ClientEnd()
        wire = Wire()
        end.connection_made(wire)
        end.data_received((RECORDED / ("terraform-plans" if answering else "provider-answers")).read_bytes()[:at])
        if not wire.closing:
            end.data_received(noise)
        end.connection_lost(None)
        await asyncio.sleep(0)

    in_a_loop(play())


def test_no_more_is_sent_than_the_other_end_wants() -> None:
    async def play() -> None:
        ask = frames.headers(1, frames.asking(PATH)) + frames.frame(
            frames.DATA, frames.END_STREAM, 1, frames.message(b"")
        )
        big = ServerEnd(lambda _: _big, lambda: None)
        big.connection_made(wire := Wire())
        little = frames.settings({frames.INITIAL_WINDOW_SIZE: 10})
        big.data_received(frames.PREFACE + little + ask)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert _sent(wire) == 10
        big.data_received(frames.frame(frames.WINDOW_UPDATE, 0, 1, frames.number(5)))
        assert _sent(wire) == 15
        big.data_received(frames.settings({frames.INITIAL_WINDOW_SIZE: 100_000}))
        assert _sent(wire) == frames.WINDOW, "what the whole connection may have"
        big.data_received(frames.frame(frames.WINDOW_UPDATE, 0, 0, frames.number(100_000)))
        assert _sent(wire) == 70_005
        assert wire.frames()[-1].flags & frames.END_STREAM, "then it ends"

    in_a_loop(play())


async def _big(_: bytes) -> bytes:
    return bytes(70_000)


def _sent(wire: Wire) -> int:
    return sum(len(each.payload) for each in wire.frames() if each.kind == frames.DATA)
