"""A run that is stopped stops its own calls and nobody else's."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import grpc
import grpc.aio
import pytest

from butai.terraform.accelerator import pool as pools
from butai.terraform.accelerator import proxy
from support.threads import in_a_loop
from support.toy_stage import request, toy_stage

APPLY, READ = "ApplyResourceChange", "ReadResource"
CREATION, UPDATE = {"state": None}, {"state": {"id": "x"}}


async def _is_cancelled(going: asyncio.Task[object]) -> bool:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await going
    return raised.value.code() is grpc.StatusCode.CANCELLED


def test_a_creation_alone_gets_the_providers_own_stop_and_others_reads_are_repeated(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            mine, theirs = [await (await stage.client()).configured("a") for _ in range(2)]
            creation = mine.begin(APPLY, request(**CREATION, wait="never"))
            read = theirs.begin(READ, request(wait="go"))
            await stage.seen(APPLY)
            await stage.seen(READ)
            await mine.ask("Stop")
            assert (await creation)["stopped"] is True, "what the provider gives back of it reaches the engine"
            await stage.seen(READ, 2)
            (tmp_path / "go").touch()
            assert (await read)["stopped"] is False
            assert len(stage.calls("Stop")) == 1

    in_a_loop(play())


@pytest.mark.parametrize("method", [APPLY, "OpenEphemeralResource", "NobodyKnowsThis"])
def test_what_others_do_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr(proxy, "PATIENCE_S", 0.5)

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            mine, theirs = [await (await stage.client()).configured("a") for _ in range(2)]
            creation = mine.begin(APPLY, request(**CREATION, wait="never"))
            update = mine.begin(APPLY, request(**UPDATE, wait="never"))
            read = mine.begin(READ, request(wait="never"))
            await stage.seen(APPLY, 2)
            await stage.seen(READ)
            change = theirs.begin(method, request(**UPDATE, wait="go"))
            await stage.seen(method, 3 if method == APPLY else 1)
            begun = time.monotonic()
            await mine.ask("Stop")
            assert await _is_cancelled(update) and await _is_cancelled(read)
            assert time.monotonic() - begun < 0.4 and not creation.done(), "what makes something is waited for"
            assert await _is_cancelled(creation), "and given up when the others go on for too long"
            assert time.monotonic() - begun >= 0.5
            await stage.seen(APPLY, 2, "cancelled")
            (tmp_path / "go").touch()
            assert (await change)["stopped"] is False
            assert not stage.calls("Stop")

    in_a_loop(play())


def test_a_creation_waits_for_a_moment_in_which_nobody_else_changes_anything(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            mine, theirs = [await (await stage.client()).configured("a") for _ in range(2)]
            creation = mine.begin(APPLY, request(**CREATION, wait="never"))
            change = theirs.begin(APPLY, request(**CREATION, wait="go"))
            await stage.seen(APPLY, 2)
            await mine.ask("Stop")
            await asyncio.sleep(0.3)
            assert not creation.done() and not change.done() and not stage.calls("Stop")
            (tmp_path / "go").touch()
            assert (await change)["stopped"] is False and (await creation)["stopped"] is True

    in_a_loop(play())


def test_what_ignores_the_stop_is_waited_for_as_on_the_plain_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "PATIENCE_S", 0.2)

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            mine = await (await stage.client()).configured("a")
            creation = mine.begin(APPLY, request(**CREATION, wait="go", deaf=True))
            await stage.seen(APPLY)
            await mine.ask("Stop")
            await asyncio.sleep(0.6)
            assert not creation.done() and not stage.calls(APPLY, what="cancelled")
            (tmp_path / "go").touch()
            assert (await creation)["pid"]

    in_a_loop(play())


def test_a_runs_own_connections_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Two providers of a configuration may be configured alike; both are told to stop."""

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            front = await stage.run()
            both = [await stage.connect(front).configured("a") for _ in range(2)]
            creations = [each.begin(APPLY, request(**CREATION, wait="never")) for each in both]
            await stage.seen(APPLY, 2)
            begun = time.monotonic()
            await asyncio.gather(*(each.ask("Stop") for each in both))
            assert [(await each)["stopped"] for each in creations] == [True, True]
            assert time.monotonic() - begun < 2

    in_a_loop(play())


def test_two_runs_that_stop_at_once_leave_a_third_alone(tmp_path: Path) -> None:
    """The third one's change comes while the first one's stop is on its way, and before the second one's is."""
    (tmp_path / "slow-stop").touch()

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            one, two, third = [await (await stage.client()).configured("a") for _ in range(3)]
            going = [each.begin(READ, request(wait="never")) for each in (one, two)]
            await stage.seen(READ, 2)
            await one.ask("Stop")
            await stage.seen("Stop")
            change = third.begin(APPLY, request(**CREATION, wait="go"))
            await asyncio.sleep(0.1)
            await two.ask("Stop")
            await asyncio.gather(*going, return_exceptions=True)
            await asyncio.sleep(0.5)
            (tmp_path / "go").touch()
            assert (await change)["stopped"] is False and len(stage.calls("Stop")) == 1

    in_a_loop(play())


def test_a_call_that_waits_for_its_turn_is_not_begun_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "APPLYING_AT_ONCE", 1)

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            mine, theirs = [await (await stage.client()).configured("a") for _ in range(2)]
            change = theirs.begin(APPLY, request(**CREATION, wait="go"))
            await stage.seen(APPLY)
            waiting = mine.begin(APPLY, request(**CREATION))
            await asyncio.sleep(0.2)
            await mine.ask("Stop")
            (tmp_path / "go").touch()
            assert (await change)["stopped"] is False
            assert await _is_cancelled(waiting) and len(stage.calls(APPLY)) == 1

    in_a_loop(play())


def test_others_in_another_process_are_not_even_asked_again(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            mine = await (await stage.client()).configured("tokyo")
            theirs = await (await stage.client()).configured("virginia")
            creation = mine.begin(APPLY, request(**CREATION, wait="never"))
            change = theirs.begin(APPLY, request(**CREATION, wait="go"))
            read = theirs.begin(READ, request(wait="go"))
            await stage.seen(APPLY, 2)
            await stage.seen(READ)
            await mine.ask("Stop")
            assert (await creation)["stopped"] is True
            (tmp_path / "go").touch()
            assert not (await change)["stopped"] and not (await read)["stopped"]
            assert len(stage.calls(READ)) == 1 and len(stage.calls("Stop")) == 1

    in_a_loop(play())


def test_a_stop_without_anything_going_on_reaches_nobody(tmp_path: Path) -> None:
    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            mine = await (await stage.client()).configured("a")
            assert await mine.ask("Stop") == b"" and not stage.calls("Stop")
            assert (await mine.told(READ, request()))["configuration"] == "a"

    in_a_loop(play())
