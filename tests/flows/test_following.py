"""Waiting for a run and following its log by commands, and workers that carry labels: with real processes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from butai.runs.folder import RunFolder
from butai.settings import Settings
from butai.terraform.events import CHANGES
from support.carrying import has_begun, wait_for
from support.tiny_team import YAML, Server, TinyTeam, Worker
from support.variants import again


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("following")


@pytest.fixture(scope="module")
def settings(place: Path) -> Settings:
    return Settings(data=place / "data", concurrency=2)


@pytest.fixture(scope="module")
def server(place: Path, settings: Settings) -> Iterator[Server]:
    server = Server(settings, place / "server.log")
    server.start()
    team = TinyTeam(place / "team", yaml=YAML + "runs: {labels: {account: dev}}\n")
    assert server.butai("blueprint", "add", str(team.infra.path)).returncode == 0
    yield server
    server.end()


@pytest.fixture
def worker(tmp_path: Path, settings: Settings) -> Iterator[Worker]:
    worker = Worker(settings, tmp_path / "worker.log")
    yield worker
    if worker.process and worker.process.poll() is None:
        worker.end()


@again
def test_a_run_waits_for_a_worker_with_its_labels_and_everything_says_so(server: Server, worker: Worker) -> None:
    assert server.butai("env", "create", "qa-1", "--no-wait").returncode == 0
    worker.start("--label", "network=vpn", "--slots", "1")
    wait_for(lambda: json.loads(server.butai("workers", "--json").stdout), why="the worker is up")
    (shown,) = json.loads(server.butai("workers", "--json").stdout)
    assert (shown["labels"], shown["slots"], shown["state"]) == ({"network": "vpn"}, 1, "alive")
    queued = server.butai("queue")
    assert "--label account=dev" in queued.stdout and "qa-1" in queued.stdout
    (place,) = json.loads(server.butai("queue", "--json").stdout)["queued"]
    assert place["place"]["waits_for"] == "labels"

    late = server.butai("env", "wait", "qa-1", "--timeout", "1")
    assert late.returncode == 8
    assert "Number 1 in the queue" in late.stderr and "--label account=dev" in late.stderr
    late = server.butai("env", "wait", "qa-1", "--run", str(place["run"]), "--timeout", "1", "--json")
    assert late.returncode == 8 and json.loads(late.stdout)["status"] == "queued"
    assert worker.end() == 0
    stopped = server.butai("workers").stdout
    assert "stopped since" in stopped and "network=vpn" in stopped

    waiting = server.begun("env", "wait", "qa-1")
    worker.start("--label", "account=dev", "--label", "network=vpn")
    _, talk = waiting.communicate(timeout=60)
    assert (waiting.returncode, "qa-1: Up" in talk) == (0, True), talk
    assert server.butai("env", "wait", "qa-1").returncode == 0, "nothing goes on: at once"
    assert "Nothing goes on" in server.butai("queue").stderr


def test_a_log_is_followed_across_a_restart_of_the_server_and_ends_with_the_runs_code(
    server: Server, worker: Worker, settings: Settings
) -> None:
    worker.start("--label", "account=dev")
    assert (
        server.butai("env", "create", "qa-2", "--no-wait", "--var", "sleep_s=20", "--var", "exit_code=3").returncode
        == 0
    )
    following = server.begun("env", "logs", "-f", "qa-2", "--json")
    waiting = server.begun("env", "wait", "qa-2")
    run = json.loads(server.butai("env", "show", "qa-2", "--json").stdout)["last_run"]["id"]
    folder = RunFolder(settings.data / "runs" / str(run))
    wait_for(lambda: has_begun(folder, "terraform_data.slow"), why="the apply is under way", seconds=60)
    server.end()
    time.sleep(2)
    server.start()
    out, talk = following.communicate(timeout=90)
    assert following.returncode == 5, talk
    assert talk.count("does not answer") == 1
    seen = [each["seq"] for each in _objects(out)]
    assert seen == list(range(1, len(seen) + 1)), "no line lost, none twice"
    assert any(each["kind"] == "failed" and each["action"] in CHANGES for each in _objects(out))
    _, talk = waiting.communicate(timeout=30)
    assert waiting.returncode == 5 and "Partly applied" in talk
    assert server.butai("env", "wait", "qa-2", "--run", str(run)).returncode == 5
    plain = server.butai("env", "logs", "qa-2", "--run", str(run))
    assert (plain.returncode, len(plain.stdout.splitlines()) >= len(seen)) == (0, True)


@again
def test_a_superseded_run_is_followed_to_the_one_that_took_its_place(server: Server, worker: Worker) -> None:
    server.butai("env", "create", "qa-3", "--no-wait")
    first = json.loads(server.butai("env", "update", "qa-3", "--no-wait", "--var", "sleep_s=1", "--json").stdout)
    second = json.loads(server.butai("env", "update", "qa-3", "--no-wait", "--var", "sleep_s=2", "--json").stdout)
    numbers = (first["run"]["id"], second["run"]["id"])
    assert f"superseded by {numbers[1]}" in server.butai("env", "show", "qa-3").stdout
    worker.start("--label", "account=dev")
    waited = server.butai("env", "wait", "qa-3", "--run", str(numbers[0]))
    assert (waited.returncode, f"superseded by run {numbers[1]}" in waited.stderr) == (0, True), waited.stderr
    followed = server.butai("env", "logs", "-f", "--run", str(numbers[0]))
    assert followed.returncode == 0 and "Apply complete" in followed.stdout
    other = server.butai("env", "wait", "qa-1", "--run", str(numbers[0]))
    assert other.returncode == 2 and "not one of" in other.stderr


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["env", "wait", "none"], "no environment `none`"),
        (["worker", "--label", "account"], "NAME=VALUE"),
        (["workers", "declare-dead", "none", "--confirm", "none"], "no worker `none`"),
        (["workers", "declare-dead", "none"], "--confirm none"),
    ],
)
def test_wrong_use_is_said(server: Server, argv: list[str], words: str) -> None:
    done = server.butai(*argv)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr


def _objects(out: str) -> list[dict[str, object]]:
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(out.rstrip()):
        value, at = decoder.raw_decode(out, at)
        found.append(value)
        at += 1
    return found
