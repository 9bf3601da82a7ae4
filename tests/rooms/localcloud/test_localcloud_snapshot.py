"""The snapshot file itself: who may read it, which versions load it, and when it is written."""

from __future__ import annotations

import json
import stat
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest
from moto.backends import get_backend

from butai.errors import Exit, RefusedError
from butai.localcloud.children import Children
from butai.localcloud.keeper import Keeper
from butai.localcloud.mends import tagging
from butai.localcloud.redis import RedisServers
from butai.localcloud.snapshot import Snapshot, header
from butai.localcloud.state import CloudState

REGION = "ap-northeast-1"


def snapshot(folder: Path) -> Snapshot:
    """A snapshot of moto's state in this process; nothing is asserted about what others put there."""
    return Snapshot(CloudState(REGION), folder / "cloud.snapshot")


def test_without_a_file_there_is_nothing_to_load(tmp_path: Path) -> None:
    assert snapshot(tmp_path).load() is False


def test_the_file_is_for_its_owner_only_and_says_who_wrote_it(tmp_path: Path) -> None:
    kept = snapshot(tmp_path)
    kept.save()
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert json.loads(kept.path.read_bytes().partition(b"\n")[0]) == header(REGION)
    assert kept.load() is True
    assert [file.name for file in tmp_path.iterdir()] == ["cloud.snapshot"]


@pytest.mark.parametrize("field", ["moto", "format", "python", "region"])
def test_other_versions_are_refused_before_anything_is_unpickled(tmp_path: Path, field: str) -> None:
    kept = snapshot(tmp_path)
    kept.path.write_bytes(json.dumps(header(REGION) | {field: "0.9"}).encode() + b"\nnot a pickle at all")
    with pytest.raises(RefusedError) as caught:
        kept.load()
    assert f"{field} 0.9 (here: {header(REGION)[field]})" in caught.value.what
    assert str(tmp_path) in caught.value.next
    assert (caught.value.code, caught.value.exit) == ("snapshot-version", Exit.REFUSED)


def test_a_list_that_somebody_reads_page_by_page_is_kept_too(tmp_path: Path) -> None:
    tagging.install()
    account = "123456789012"
    logs: Any = get_backend("logs")[account][REGION]
    tags: Any = get_backend("resourcegroupstaggingapi")[account][REGION]
    for name in ("/paged/1", "/paged/2"):
        logs.create_log_group(name, {"Team": "calls"})
    token, [first] = tags.get_resources(resources_per_page=1)
    kept = snapshot(tmp_path)
    kept.save()
    assert kept.load() is True
    _, [second] = get_backend("resourcegroupstaggingapi")[account][REGION].get_resources(token)
    assert {first.arn[-8:], second.arn[-8:]} == {"/paged/1", "/paged/2"}
    for name in ("/paged/1", "/paged/2"):
        get_backend("logs")[account][REGION].delete_log_group(name)


class Counting:
    """Stands in for the snapshot, to see when the keeper saves. The first `failing` saves fail."""

    def __init__(self, failing: int = 0) -> None:
        self.failing = failing
        self.saves: list[float] = []
        self.runner_changed = False
        self.saved = threading.Event()

    def outdated_by_runner(self) -> bool:
        return self.runner_changed

    def save(self) -> None:
        if self.failing:
            self.failing -= 1
            raise OSError("disk full")
        self.runner_changed = False
        self.saves.append(time.monotonic())
        self.saved.set()


def keeper_of(counting: Counting, folder: Path) -> Keeper:
    return Keeper(cast(Snapshot, counting), [RedisServers(folder / "redis", Children(folder / "children"))])


def test_a_change_is_saved_within_a_second_and_nothing_is_saved_without_one(tmp_path: Path) -> None:
    counting = Counting()
    keeper = keeper_of(counting, tmp_path)
    keeper.start()
    time.sleep(1.2)
    assert counting.saves == []
    begin = time.monotonic()
    keeper.note_change()
    assert counting.saved.wait(5)
    assert counting.saves[0] - begin < 1
    counting.saved.clear()
    counting.runner_changed = True
    assert counting.saved.wait(5)
    keeper.stop()
    assert len(counting.saves) == 3  # and once more at the end


def test_a_save_that_fails_is_tried_again_and_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counting = Counting(failing=2)
    keeper = keeper_of(counting, tmp_path)
    keeper.start()
    keeper.note_change()
    assert counting.saved.wait(5)
    keeper.stop()
    assert capsys.readouterr().err.count("disk full") == 1
