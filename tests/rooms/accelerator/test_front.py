"""What goes through a run's socket: bytes as they are, errors as they are, and what is always the same asked once."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import grpc
import grpc.aio
import pytest

from butai.terraform.accelerator.memory import Memory
from butai.terraform.accelerator.protocol import names
from butai.terraform.accelerator.wire import encoded
from support.threads import in_a_loop
from support.toy_plugin import RANDOM, SCHEMA_NAMES, random_answer, schema
from support.toy_stage import configure, request, toy_stage


def test_unknown_methods_and_random_bytes_pass_unchanged_both_ways(tmp_path: Path) -> None:
    source = random.Random(7)
    sent = [source.randbytes(source.randint(0, 3000)) for _ in range(60)] + [source.randbytes(6_000_000)]

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await (await stage.client()).configured("a")
            assert await asyncio.gather(*(client.ask(RANDOM, each) for each in sent)) == [*map(random_answer, sent)]
            echoed = await client.ask("NobodyKnowsThis", b"\xff\x00\xff")
            assert echoed.startswith(b"\xff\x00\xff")
            arrived = [bytes.fromhex(each["request"]) for each in stage.calls(RANDOM)]
            assert sorted(arrived) == sorted(sent)

    in_a_loop(play())


def test_errors_keep_their_code_and_words(tmp_path: Path) -> None:
    codes = [each for each in grpc.StatusCode if each is not grpc.StatusCode.OK]

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await (await stage.client()).configured("a")
            for code in codes:
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await client.ask("ReadResource", request(fail=code.value[0], details=f"は {code.name}"))
                assert (raised.value.code(), raised.value.details()) == (code, f"は {code.name}")

    in_a_loop(play())


def test_streams_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await (await stage.client()).configured("a")
            for method in ("InvokeAction", "ListResource"):
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await client.ask(method, request())
                assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED and not stage.calls(method)

    in_a_loop(play())


def test_the_frame_around_the_protocol(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await stage.client()
            assert await client.ask("Check", service="grpc.health.v1.Health") == b"\x08\x01"
            assert await client.ask("Shutdown", service="plugin.GRPCController") == b""
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await client.ask("StartStream", service="plugin.GRPCBroker")
            assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
            assert not stage.calls("start"), "none of it needs a provider"

    in_a_loop(play())


def test_schema_and_check_are_asked_once_for_twenty_at_once_and_kept(tmp_path: Path) -> None:
    secret = b"hunter2-in-a-configuration"

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            clients = [await stage.client() for _ in range(20)]
            for method, asked, answer in (
                ("GetSchema", b"", schema()),
                ("PrepareProviderConfig", request(planned=secret.decode()), request(planned=secret.decode())),
            ):
                assert await asyncio.gather(*(each.ask(method, asked) for each in clients)) == [answer] * 20
                assert len(stage.calls(method)) == 1
            assert len(stage.calls("start")) == 1

    in_a_loop(play())

    async def play_again() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await stage.client()
            assert await client.ask("GetSchema") == schema()
            assert await client.ask("PrepareProviderConfig", request(planned=secret.decode()))
            assert len(stage.calls("GetSchema")) == len(stage.calls("PrepareProviderConfig")) == 1, "kept on disk"
            assert len(stage.calls("start")) == 1, "no provider was started for it"

    in_a_loop(play_again())
    kept = [each.read_bytes() for each in (tmp_path / "descriptions").iterdir()]
    assert len(kept) == 2 and not any(secret in each for each in kept)


def test_another_program_or_environment_is_asked_anew(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            one, other = await stage.client("one"), await stage.client("other")
            for client in (one, other, one):
                await client.ask("GetSchema")
                await client.ask("PrepareProviderConfig", request(planned="same"))
            assert len(stage.calls("GetSchema")) == 1, "the same program describes itself alike"
            assert len(stage.calls("PrepareProviderConfig")) == 2, "what it says of a configuration may differ"

    in_a_loop(play())


def test_what_went_wrong_is_not_remembered(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await stage.client()
            (tmp_path / "no-schema").touch()
            assert await client.ask("GetSchema") != schema()
            (tmp_path / "no-schema").unlink()
            assert await client.ask("GetSchema") == schema()
            for _ in range(2):
                await client.ask("PrepareProviderConfig", request(refuse=True))
            assert len(stage.calls("PrepareProviderConfig")) == 2

    in_a_loop(play())


def test_what_was_found_right_is_not_checked_again_for_the_same_configuration(tmp_path: Path) -> None:
    check, right = "ValidateResourceTypeConfig", request(planned="r", right=True)

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            for name, times in (("a", 1), ("a", 1), ("b", 2)):
                client = await (await stage.client()).configured(name)
                assert [await client.ask(check, right) for _ in range(3)] == [b""] * 3
                assert len(stage.calls(check)) == times
            await (await stage.client("other")).ask(check, right)
            await client.ask(check, request(planned="else", right=True))
            await client.ask("ValidateDataSourceConfig", right)
            assert len(stage.calls(check, "ValidateDataSourceConfig")) == 5
            for _ in range(2):
                assert await client.ask("ReadResource", right) == b""
            assert len(stage.calls("ReadResource")) == 2, "what exists is looked at each time"

    in_a_loop(play())


def test_what_was_found_wrong_is_checked_again(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await stage.client()
            for _ in range(2):
                assert await client.ask("ValidateResourceConfig", request(planned="wrong")) != b""
            assert len(stage.calls("ValidateResourceConfig")) == 2

    in_a_loop(play())


def _state(version: int, more: bytes = b"") -> bytes:
    """An UpgradeResourceState."""
    return encoded(1, b"toy_big") + bytes([0x10, version]) + encoded(3, encoded(1, b'{"id":"secret-1"}')) + more


def test_a_state_as_the_provider_writes_it_is_asked_once_whoever_asks(tmp_path: Path) -> None:
    upgrade = "UpgradeResourceState"

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            one = await (await stage.client()).configured("a")
            for times in (1, 2):
                await one.ask(upgrade, _state(2))
                assert len(stage.calls(upgrade)) == times, "nobody knows yet which version it writes"
            await one.ask("GetSchema")
            answer = await one.ask(upgrade, _state(2))
            other = await (await stage.client("other", names=frozenset({"toy_big"}))).configured("b")
            assert [await each.ask(upgrade, _state(2)) for each in (one, other)] == [answer] * 2
            assert answer.startswith(_state(2)) and len(stage.calls(upgrade)) == 3
            assert await one.ask(upgrade, _state(2, b"\x20\x01")) != answer

    in_a_loop(play())
    assert not any(b"secret-1" in each.read_bytes() for each in (tmp_path / "descriptions").iterdir())


def test_an_old_state_and_one_with_something_to_say_of_it_are_asked_each_time(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await (await stage.client()).configured("a")
            await client.ask("GetSchema")
            for asked in (_state(1), _state(3), _state(2, encoded(2, b"\x08\x02")), b"\xff"):
                before = len(stage.calls("UpgradeResourceState"))
                for _ in range(2):
                    await client.ask("UpgradeResourceState", asked)
                assert len(stage.calls("UpgradeResourceState")) == before + 2

    in_a_loop(play())


def test_an_answer_on_a_state_that_cannot_be_read_is_passed_on_and_not_kept(tmp_path: Path) -> None:
    asked = 0

    async def unreadable() -> bytes:
        nonlocal asked
        asked += 1
        return b"\x0a\xff"

    async def play() -> None:
        memory = Memory(tmp_path / "descriptions")
        await memory.description("program", "GetSchema", b"", described)
        for _ in range(2):
            assert await memory.current("program", "UpgradeResourceState", _state(2), unreadable) == b"\x0a\xff"

    async def described() -> bytes:
        return schema()

    in_a_loop(play())
    assert asked == 2


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await stage.client()
            (tmp_path / "descriptions").rmdir()
            (tmp_path / "descriptions").write_text("no folder: as on a full disk, nothing can be written there")
            assert await client.ask("GetSchema") == schema()
            assert await client.ask("PrepareProviderConfig", request(planned="x")) == request(planned="x")

    in_a_loop(play())


def test_each_run_gets_the_part_of_the_schema_that_it_names(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            some = [await stage.client(names=frozenset({each, "no_such"})) for each in SCHEMA_NAMES]
            whole = await stage.client()
            parts = await asyncio.gather(*(each.ask("GetSchema") for each in some))
            assert [names(each) for each in parts] == [{each} for each in SCHEMA_NAMES]
            assert await whole.ask("GetSchema") == schema()
            assert len(stage.calls("GetSchema")) == 1

    in_a_loop(play())


def test_a_death_of_the_connection_cancels_its_calls_and_no_others(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            dying, living = [await (await stage.client()).configured("a") for _ in range(2)]
            lost = dying.begin("ApplyResourceChange", request(wait="never"))
            kept = living.begin("ApplyResourceChange", request(wait="go"))
            await stage.seen("ApplyResourceChange", 2)
            await dying.close()
            await stage.seen("ApplyResourceChange", what="cancelled")
            (tmp_path / "go").touch()
            assert (await kept)["stopped"] is False
            with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
                await lost
            assert len(stage.calls("ApplyResourceChange", what="cancelled")) == 1

    in_a_loop(play())


def test_a_closed_front_lets_nobody_in_and_cancels(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            front = await stage.run()
            client = await stage.connect(front).configured("a")
            going = client.begin("ReadResource", request(wait="never"))
            await stage.seen("ReadResource")
            await front.close()
            with pytest.raises(grpc.aio.AioRpcError):
                await going
            await stage.seen("ReadResource", what="cancelled")
            with pytest.raises(grpc.aio.AioRpcError):
                await stage.connect(front).ask("Configure", configure("a"))
            assert not list(stage.sockets.glob("[rc]*")), "no socket is left"

    in_a_loop(play())
