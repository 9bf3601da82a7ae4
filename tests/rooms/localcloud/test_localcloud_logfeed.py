"""Containers' lines in CloudWatch Logs: every whole line once, and at the end what has none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from butai.localcloud.containers import LogTarget
from butai.localcloud.logfeed import LogFeed
from butai.localcloud.state import CloudState


@pytest.fixture
def state() -> CloudState:
    state = CloudState("eu-west-3")
    state.backend("logs").reset()
    state.backend("logs").create_log_group("/web", {})
    return state


def task(log: Path, group: str = "/web") -> Any:
    """A task of one container that writes there."""
    container = SimpleNamespace(name="web", logs=LogTarget(group, "ecs"))
    return SimpleNamespace(spec=SimpleNamespace(id="t1"), running=[SimpleNamespace(container=container, log=log)])


def told(state: CloudState) -> list[str]:
    """The messages of the container's stream."""
    streams = state.backend("logs").groups["/web"].streams
    return [event.message for event in streams["ecs/web/t1"].events] if streams else []


def test_whole_lines_come_over_and_the_last_one_at_the_end(state: CloudState, tmp_path: Path) -> None:
    log, feed = tmp_path / "web.log", LogFeed(state)
    log.write_text("one\ntwo\nhal")
    feed.feed([task(log)], 1.0)
    assert told(state) == ["one", "two"]
    log.write_text("one\ntwo\nhalf")
    feed.feed([task(log)], 1.5)
    assert told(state) == ["one", "two"], "once a second"
    feed.forget(task(log))
    assert told(state) == ["one", "two", "half"]


def test_a_file_or_a_group_that_is_not_there_ends_nothing(state: CloudState, tmp_path: Path) -> None:
    feed = LogFeed(state)
    feed.feed([task(tmp_path / "none.log")], 1.0)
    feed.forget(task(tmp_path / "none.log"))
    log = tmp_path / "web.log"
    log.write_text("one\n")
    feed.forget(task(log, "/deleted"))
    assert told(state) == []


def test_a_stream_keeps_its_newest_lines(state: CloudState, tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("".join(f"{number} {'x' * 1000}\n" for number in range(3000)))
    LogFeed(state).forget(task(log))
    numbers = [int(message.split()[0]) for message in told(state)]
    assert numbers == list(range(2000, 3000))
