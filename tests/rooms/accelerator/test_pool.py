"""Which process a call goes to: never one that was configured for somebody else."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from butai.terraform.accelerator import pool as pools
from support.threads import in_a_loop
from support.toy_plugin import ERROR, WARNING
from support.toy_stage import Client, Stage, configure, request, toy_stage


async def _who(client: Client) -> tuple[int, str]:
    told = await client.told("ReadResource", request())
    return told["pid"], told["configuration"]


def test_other_bytes_get_another_process_and_the_same_bytes_the_same(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            tokyo, again, virginia = [
                await (await stage.client()).configured(each) for each in ("tokyo", "tokyo", "virginia")
            ]
            assert await _who(tokyo) == await _who(again) and (await _who(tokyo))[1] == "tokyo"
            assert (await _who(virginia))[1] == "virginia" and (await _who(virginia))[0] != (await _who(tokyo))[0]
            assert len(stage.calls("Configure")) == 2
            abroad = await (await stage.client("another account")).configured("tokyo")
            assert (await _who(abroad))[0] not in {(await _who(tokyo))[0], (await _who(virginia))[0]}

    in_a_loop(play())


def test_many_that_configure_alike_at_once_get_one_process_and_its_warnings(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            clients = [await stage.client() for _ in range(12)]
            told = configure("a", sleep=0.2)
            assert await asyncio.gather(*(each.ask("Configure", told) for each in clients)) == [WARNING] * 12
            assert len({await _who(each) for each in clients}) == 1
            assert len(stage.calls("Configure")) == len(stage.calls("start")) == 1

    in_a_loop(play())


def test_a_configure_that_failed_is_told_and_not_remembered(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await stage.client()
            for times in (1, 2):
                assert await client.ask("Configure", configure("a", refuse=True)) == ERROR
                assert len(stage.calls("Configure")) == times
            good = await (await stage.client()).configured("a")
            assert (await _who(good))[1] == "a"
            assert (await _who(good))[0] not in {each["pid"] for each in stage.calls("Configure")[:2]}
            await stage.pool.end_idle(1000)
            assert [each.configured is not None for each in stage.pool.members] == [True], "the failed ones are ended"

    in_a_loop(play())


def test_a_configure_whose_answer_nobody_saw_spoils_no_process_for_others(tmp_path: Path) -> None:
    """As in Go, the toy goes on with what was cancelled: its process becomes what was asked for, only later."""

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            dying = await stage.client()
            lost = asyncio.ensure_future(dying.ask("Configure", configure("virginia", sleep=0.6)))
            await stage.seen("Configure")
            await dying.close()
            await asyncio.gather(lost, return_exceptions=True)
            tokyo = await (await stage.client()).configured("tokyo")
            await asyncio.sleep(0.8)
            assert (await _who(tokyo))[1] == "tokyo"

    in_a_loop(play())


def test_what_needs_a_configuration_never_reaches_a_process_without_being_configured(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            await _who(await (await stage.client()).configured("virginia"))
            bare = await stage.client()
            for method in ("ReadResource", "ApplyResourceChange", "PlanResourceChange", "NobodyKnowsThis"):
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await bare.ask(method, request())
                assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
            for method in ("ValidateResourceTypeConfig", "UpgradeResourceState", "CallFunction"):
                assert await bare.told(method, request())
            assert len(stage.calls("ReadResource")) == 1

    in_a_loop(play())


def test_a_connection_that_an_engine_opens_again_is_what_it_was(tmp_path: Path) -> None:
    """gRPC closes what has not been used for half an hour, and opens it again at the next call."""

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            await (await stage.client()).configured("somebody else's")
            front = await stage.run()
            tokyo, virginia = [await stage.connect(front).configured(each) for each in ("tokyo", "virginia")]
            planned_with = await stage.connect(front).configured("tokyo")
            await asyncio.gather(virginia.close(), planned_with.close())
            await asyncio.sleep(0.1)
            virginia = stage.connect(front)
            assert (await _who(virginia))[1] == "virginia" and (await _who(tokyo))[1] == "tokyo"
            await asyncio.gather(tokyo.close(), virginia.close())
            await asyncio.sleep(0.1)
            with pytest.raises(grpc.aio.AioRpcError, match="needs a configuration"):
                await _who(stage.connect(front))

    in_a_loop(play())


def test_sixteen_runs_with_their_own_configurations_never_mix(tmp_path: Path) -> None:
    """Four accounts and three regions; every answer says who gave it."""
    source = random.Random(int(os.environ.get("BUTAI_TEST_SEED", "11")))

    async def run(stage: Stage, number: int) -> int:
        name, region = f"account-{number % 4}", f"region-{source.randrange(3)}"
        front = await stage.run(name)
        asked = 0
        for _ in range(3):
            client = await stage.connect(front).configured(region)
            for _ in range(source.randint(3, 8)):
                calls = [_call(client, source) for _ in range(source.randint(1, 6))]
                for told in await asyncio.gather(*calls):
                    assert (told["name"], told["configuration"]) == (name, region)
                    asked += 1
            await client.ask("Stop")
            if source.random() < 0.5:
                await client.close()
            region = f"region-{source.randrange(3)}"
        return asked

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            assert sum(await asyncio.gather(*(run(stage, each) for each in range(16)))) > 500
            assert len(stage.pool.members) <= 4 * 3 and not stage.pool.crashes

    in_a_loop(play())


async def _call(client: Client, source: random.Random) -> dict[str, Any]:
    method = source.choice(["ReadResource", "PlanResourceChange", "ApplyResourceChange", "NobodyKnowsThis"])
    return await client.told(method, request(state={"id": "x"}, sleep=source.choice([0, 0, 0.01, 0.03])))


def test_a_dead_provider_is_replaced_for_the_next_call_and_counted(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client, other = [await (await stage.client()).configured("a") for _ in range(2)]
            first, _ = await _who(client)
            going = other.begin("ApplyResourceChange", request(wait="never"))
            await stage.seen("ApplyResourceChange")
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await client.ask("ReadResource", request(die=True))
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await going
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE, "a change that was lost is told, not repeated"
            second, configuration = await _who(client)
            assert (second != first, configuration, stage.pool.crashes) == (True, "a", 1)
            assert await _who(other) == (second, "a")
            assert len(stage.calls("ApplyResourceChange")) == 1

    in_a_loop(play())


def test_a_provider_that_was_killed_is_replaced(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await (await stage.client()).configured("a")
            pid, _ = await _who(client)
            os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.2)
            assert (await _who(client))[0] != pid and stage.pool.crashes == 1

    in_a_loop(play())


def test_idle_ones_end_and_busy_ones_do_not(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            idle, busy = [await (await stage.client()).configured(each) for each in ("idle", "busy")]
            gone, _ = await _who(idle)
            going = busy.begin("ApplyResourceChange", request(wait="go"))
            await stage.seen("ApplyResourceChange")
            await stage.pool.end_idle(1000)
            assert len(stage.pool.members) == 2
            await stage.pool.end_idle(0)
            assert [each.configured for each in stage.pool.members] == [configure("busy")]
            (tmp_path / "go").touch()
            assert (await going)["configuration"] == "busy"
            with pytest.raises(ProcessLookupError):
                os.kill(gone, 0)
            assert (await _who(idle))[1] == "idle" and not stage.pool.crashes

    in_a_loop(play())


def test_a_process_that_cannot_be_configured_again_is_not_asked(tmp_path: Path) -> None:
    """The first died, and what its configuration needs is gone meanwhile."""

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await (await stage.client()).configured("a", refuse_if="gone")
            (tmp_path / "gone").touch()
            with pytest.raises(grpc.aio.AioRpcError):
                await client.ask("ReadResource", request(die=True))
            await asyncio.sleep(0.2)
            with pytest.raises(grpc.aio.AioRpcError, match="could not be configured"):
                await client.ask("ReadResource", request())
            assert len(stage.calls("ReadResource")) == 1

    in_a_loop(play())


def test_calls_at_once_to_an_account_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "ASKING_AT_ONCE", 3)
    monkeypatch.setattr(pools, "APPLYING_AT_ONCE", 2)

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            clients = [await (await stage.client()).configured(f"region-{each % 2}") for each in range(4)]
            other = await (await stage.client(AWS_ACCESS_KEY_ID="another account")).configured("region-0")
            reads = [each.begin("ReadResource", request(wait="go")) for each in clients * 3]
            changes = [each.begin("ApplyResourceChange", request(wait="go")) for each in clients * 2]
            await stage.seen("ReadResource", 3)
            await stage.seen("ApplyResourceChange", 2)
            await asyncio.sleep(0.3)
            assert (len(stage.calls("ReadResource")), len(stage.calls("ApplyResourceChange"))) == (3, 2)
            await other.ask("ReadResource", request())
            (tmp_path / "go").touch()
            await asyncio.gather(*reads, *changes)
            assert (len(stage.calls("ReadResource")), len(stage.calls("ApplyResourceChange"))) == (13, 8)

    in_a_loop(play())


@pytest.mark.parametrize("protocol", [5, 6])
def test_both_versions_of_the_protocol(tmp_path: Path, protocol: int) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            front = await stage.run(TOY_PROTOCOL=str(protocol))
            client = stage.connect(front, protocol)
            schema, check, set_up, stop = (
                ("GetSchema", "PrepareProviderConfig", "Configure", "Stop")
                if protocol == 5
                else ("GetProviderSchema", "ValidateProviderConfig", "ConfigureProvider", "StopProvider")
            )
            await client.ask(schema)
            await client.ask(check, request(planned="x"))
            await client.ask(set_up, configure("a"))
            going = client.begin("ApplyResourceChange", request(state=None, wait="never"))
            await stage.seen("ApplyResourceChange")
            await client.ask(stop)
            assert ((await going)["stopped"], len(stage.calls(stop))) == (True, 1)

    in_a_loop(play())
