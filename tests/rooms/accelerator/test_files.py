"""What a process reads from files: those of a run's folder, and those with profiles and keys."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.terraform.accelerator import pool as pools
from butai.terraform.accelerator.protocol import may_name_one_of
from butai.terraform.accelerator.wire import encoded
from support.threads import in_a_loop
from support.toy_stage import request, toy_binary, toy_stage


def test_a_file_of_the_runs_folder_is_looked_for_there(tmp_path: Path) -> None:
    """A shared process looks for relative files in the host's folder; so it is not given any."""
    root = tmp_path / "root"
    (root / "files").mkdir(parents=True)
    (root / "files" / "x.txt").write_text("x")

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await (await stage.client(root=root)).configured("a")
            with_file = request(state={"id": "1"}, planned={"objects": [{"source": "./files/x.txt"}]})
            without = request(state={"id": "1"}, planned={"objects": [{"source": "./files/y.txt"}]})
            told = await client.told("ApplyResourceChange", with_file)
            assert (told["cwd"], told["configuration"]) == (str(root), "a")
            assert (await client.told("ReadResource", without))["cwd"] == str(stage.sockets)
            assert (await client.told("PlanResourceChange", with_file))["pid"] == told["pid"]
            stage.pool.forget(str(root))
            await stage.pool.end_idle(1000)
            with pytest.raises(ProcessLookupError):
                os.kill(told["pid"], 0)
            assert len(stage.pool.members) == 1 and not stage.pool.crashes

    in_a_loop(play())


def test_what_names_a_file_is_checked_anew_for_the_file_may_have_changed(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    written = request(planned={"source": "x.txt"}, right=True)

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            client = await (await stage.client(root=tmp_path / "root")).configured("a")
            for _ in range(2):
                await client.ask("ValidateResourceConfig", written)
            assert len(stage.calls("ValidateResourceConfig")) == 1
            (tmp_path / "root" / "x.txt").write_text("x")
            for _ in range(2):
                await client.ask("ValidateResourceConfig", written)
            assert len(stage.calls("ValidateResourceConfig")) == 3

    in_a_loop(play())


@given(st.text("ab./", min_size=1, max_size=8))
def test_what_is_a_file_there_is_never_overlooked_by_the_quick_look(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a" / "b").mkdir(parents=True)
        for each in ("b", "a/a", "a/b/b"):
            (Path(folder) / each).touch()
        call = encoded(3, encoded(1, msgpack.packb({"of": [text]})))
        is_file = not text.startswith("/") and (Path(folder) / text).is_file()
        assert may_name_one_of(os.listdir(os.fsencode(folder)), call) or not is_file  # noqa: PTH208


def test_a_configuration_that_names_a_file_keeps_to_that_folder(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "keys").write_text("x")
    told = encoded(1, b"1.11.4") + encoded(2, encoded(1, msgpack.packb({"credentials": ["./keys"]})))

    async def play() -> None:
        async with toy_stage(tmp_path) as stage:
            front = await stage.run(root=tmp_path / "root")
            client = stage.connect(front)
            await client.ask("Configure", told)
            for method in ("ReadResource", "ApplyResourceChange"):
                assert (await client.told(method, request()))["cwd"] == str(tmp_path / "root")
            assert len(stage.calls("Configure")) == 1
            await client.close()
            await asyncio.sleep(0.1)
            assert (await stage.connect(front).told("ReadResource", request()))["cwd"] == str(tmp_path / "root")

    in_a_loop(play())


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"HOME": "{}/home"}, "home/.aws/credentials"),
        ({"HOME": "{}/home"}, "home/.aws/config"),
        ({"HOME": "/", "AWS_SHARED_CREDENTIALS_FILE": "{}/keys"}, "keys"),
        ({"HOME": "/", "AWS_CONFIG_FILE": "{}/profiles"}, "profiles"),
    ],
)
def test_other_contents_of_a_file_with_profiles_are_another_identity(
    tmp_path: Path, variables: dict[str, str], name: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    env = {each: value.format(tmp_path) for each, value in variables.items()}
    before = pools.identity(toy_binary(tmp_path), env, "/")
    path.write_text("[default]\naws_access_key_id = 1\n")
    first, again = (pools.identity(toy_binary(tmp_path), env, "/") for _ in range(2))
    path.write_text("[default]\naws_access_key_id = 2\n")
    assert first == again and len({before, first, pools.identity(toy_binary(tmp_path), env, "/")}) == 3
