"""`butai env update --all` and `butai env drift`, against a real server and worker: one story, in order."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butai.assembly import assemble
from butai.client import connect
from butai.settings import Settings
from support.carrying import wait_for
from support.tiny_team import Server, TinyTeam, Worker
from support.variants import again

NAMES = ["qa-1", "qa-2", "qa-3", "qa-4"]

# A shell's background jobs, and what they start, are born deaf to Ctrl-C.
HEARING = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "runpy.run_module('butai', run_name='__main__')"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("all")


@pytest.fixture(scope="module")
def team(place: Path) -> TinyTeam:
    return TinyTeam(place / "team")


@pytest.fixture(scope="module")
def server(place: Path, team: TinyTeam) -> Iterator[Server]:
    settings = Settings(data=place / "data", concurrency=4)
    server, worker = Server(settings, place / "server.log"), Worker(settings, place / "worker.log")
    server.start()
    worker.start()
    assert server.butai("blueprint", "add", str(team.infra.path)).returncode == 0
    for name in NAMES:
        branch = "blue" if name == "qa-2" else "main"
        assert server.butai("env", "create", name, "-s", f"web={branch}", "--no-wait").returncode == 0
    wait_for(lambda: all(each["state"]["word"] == "Up" for each in environments(server).values()), seconds=60)
    yield server
    assert worker.end() == 0
    assert server.end() == 0


def environments(server: Server) -> dict[str, Any]:
    return {each["name"]: each for each in connect(server.settings).get("/api/v1/environments")}


def runs(server: Server, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = connect(server.settings).get(f"/api/v1/environments/{name}/runs")
    return found


def extend(team: TinyTeam, name: str, body: str = "", subject: str = "One thing more") -> str:
    root = (team.infra.path / "staging" / "main.tf").read_text()
    more = f'resource "terraform_data" "{name}" {{\n{body}\n}}\n'
    return team.infra.commit({"staging/main.tf": root + more}, subject)


def test_no_drift_is_0_and_drift_is_5(server: Server) -> None:
    clean = server.butai("env", "drift", "qa-1")
    assert (clean.returncode, clean.stdout) == (0, "") and "no drift" in clean.stderr
    asked = server.butai("env", "drift", "nothing-there")
    assert asked.returncode == 2
    environment = environments(server)["qa-3"]
    butai = assemble(server.settings)
    document = (butai.states.read(environment["id"]) or b"").replace(
        b"registry.example/web:", b"elsewhere.example/web:"
    )
    content = json.dumps({**json.loads(document), "serial": json.loads(document)["serial"] + 1}).encode()
    butai.states.write(environment["id"], environment["last_run"]["id"], content, lock_id="")
    butai.database.close()
    found = server.butai("env", "drift", "qa-3", "--json")
    assert found.returncode == 5, found.stderr
    assert 'input: "elsewhere.example/web:' in server.butai("env", "drift", "qa-3").stdout
    items = {each["address"]: each["action"] for each in json.loads(found.stdout)["items"]}
    assert items["terraform_data.image"] == "update"
    shown = server.butai("env", "drift", "qa-3")
    assert shown.returncode == 5 and "terraform_data.image: an update would change it" in shown.stdout
    assert "butai env update qa-3" in shown.stderr
    assert environments(server)["qa-3"]["drift"]["count"] == len(items)
    assert server.butai("env", "update", "qa-3").returncode == 0
    assert environments(server)["qa-3"]["drift"] is None


def test_the_list_says_what_is_behind_and_by_what(server: Server, team: TinyTeam) -> None:
    assert all(each["behind"] is None for each in environments(server).values())
    head = extend(team, "extra", subject="A queue for calls")
    team.infra.commit({"README.md": "words"}, "Words")
    assert server.butai("blueprint", "refresh", "tiny").returncode == 0
    behind = environments(server)["qa-1"]["behind"]
    assert (behind["ref"], behind["commits"], behind["subject"], behind["root_changed"]) == ("main", 2, "Words", True)
    assert "2 commits behind main: Words, as of just now" in server.butai("env", "list").stdout
    assert "fetched    just now" in server.butai("env", "show", "qa-1").stdout
    assert behind["head"] != head


def test_nothing_is_begun_without_a_yes(server: Server) -> None:
    asked = server.butai("env", "update", "--all", "--to", "main")
    assert asked.returncode == 2 and "--yes" in asked.stderr
    assert asked.stderr.count("1 to create") == 4 and "tiny/qa-1" in asked.stderr
    assert {runs(server, name)[0]["kind"] for name in NAMES} == {"drift-check"}
    assert all(environments(server)[name]["drift"] is None for name in NAMES[1:]), "a plan of an update is no check"


@pytest.mark.parametrize(
    "flags", [["--all"], ["qa-1", "--all", "--to", "main"], ["--to", "main"], [], ["--all", "--to", "main", "--latest"]]
)
def test_flags_that_do_not_go_together(server: Server, flags: list[str]) -> None:
    assert server.butai("env", "update", *flags).returncode == 2


def test_a_ref_that_is_not_there(server: Server) -> None:
    asked = server.butai("env", "update", "--all", "--to", "mian", "--yes")
    assert asked.returncode == 2 and "Did you mean `main`" in asked.stderr


def test_one_first_then_waves_a_busy_one_is_left_and_images_stay(server: Server, team: TinyTeam) -> None:
    before = environments(server)
    busy = server.butai("env", "update", "qa-4", "--var", "sleep_s=25", "--no-wait", "--json")
    done = server.butai("env", "update", "--all", "--to", "main", "--yes", "--json")
    assert done.returncode == 8, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["done"] == ["tiny/qa-1", "tiny/qa-2", "tiny/qa-3"]
    assert list(outcome["left"]) == ["tiny/qa-4"] and "is not over" in outcome["left"]["tiny/qa-4"]
    after = environments(server)
    assert [after[name]["services"] for name in NAMES[:3]] == [before[name]["services"] for name in NAMES[:3]]
    assert after["qa-2"]["services"][0]["branch"] == "blue"
    assert {after[name]["commit"] for name in NAMES[:3]} == {team.infra.git("rev-parse", "main")}
    first, second, third = (after[name]["last_run"] for name in NAMES[:3])
    assert first["settled_at"] <= min(second["requested_at"], third["requested_at"])
    run = json.loads(busy.stdout)["run"]["id"]
    wait_for(lambda: environments(server)["qa-4"]["last_run"]["settled_at"], seconds=60)
    assert environments(server)["qa-4"]["last_run"]["id"] == run, "and nothing was queued behind it"

    again = server.butai("env", "update", "--all", "--to", "main", "--yes", "--json")
    assert again.returncode == 0, again.stderr
    assert (json.loads(again.stdout)["done"], json.loads(again.stdout)["already"]) == (
        ["tiny/qa-4"],
        ["tiny/qa-1", "tiny/qa-2", "tiny/qa-3"],
    )


@again
def test_without_waiting_it_goes_on_by_itself_and_can_be_looked_at(server: Server, team: TinyTeam) -> None:
    newest = extend(team, "quick")
    begun = server.butai("env", "update", "--all", "--to", "main", "--wave", "3", "--yes", "--no-wait", "--json")
    assert begun.returncode == 0, begun.stderr
    number = json.loads(begun.stdout)["id"]
    followed = server.butai("env", "rollout", "--wait", "--json")
    assert followed.returncode == 0, followed.stderr
    assert json.loads(followed.stdout)["rollout"] == number
    assert {each["commit"] for each in environments(server).values()} == {newest}
    shown = server.butai("env", "rollout", str(number))
    assert shown.returncode == 0 and f"rollout {number}: all to main, over" in shown.stderr
    assert server.butai("env", "rollout", str(number), "--stop").returncode == 3
    assert server.butai("env", "rollout", "99").returncode == 2
    assert connect(server.settings).get("/api/v1/rollouts")[0]["id"] == number
    wait_for(lambda: connect(server.settings).get("/api/v1/rollouts")[0]["ended_at"], why="a worker takes note of it")


@again
@again
def test_it_stops_when_one_fails(server: Server, team: TinyTeam) -> None:
    good = team.infra.git("rev-parse", "main")
    wrong = extend(team, "wrong", '  provisioner "local-exec" {\n    command = "exit 3"\n  }')
    done = server.butai("env", "update", "--all", "--to", "main", "--yes", "--json")
    assert done.returncode == 5, done.stderr
    outcome = json.loads(done.stdout)
    assert list(outcome["failed"]) == ["tiny/qa-1"]
    assert outcome["left"] == dict.fromkeys(["tiny/qa-2", "tiny/qa-3", "tiny/qa-4"], "one before it failed")
    commits = {name: each["commit"] for name, each in environments(server).items()}
    assert commits == {"qa-1": wrong, "qa-2": good, "qa-3": good, "qa-4": good}
    team.infra.git("reset", "--quiet", "--hard", good)
    assert server.butai("env", "update", "--all", "--to", "main", "--yes").returncode == 0


@again
def test_ctrl_c_starts_nothing_more_and_what_was_started_goes_on(server: Server, team: TinyTeam, place: Path) -> None:
    newest = extend(team, "slow_one", '  provisioner "local-exec" {\n    command = "sleep 6"\n  }')
    argv = [sys.executable, "-c", HEARING, "env", "update", "--all", "--to", "main", "--yes", "--json"]
    with (place / "out").open("wb") as out, (place / "err").open("wb") as err:
        process = subprocess.Popen(argv, env=server.env, stdout=out, stderr=err, start_new_session=True)
    wait_for(lambda: "is queued" in (place / "err").read_text(), seconds=60, why="the first wave")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    outcome = json.loads((place / "out").read_text())
    assert outcome["going_on"] == ["tiny/qa-1"]
    assert outcome["left"] == dict.fromkeys(["tiny/qa-2", "tiny/qa-3", "tiny/qa-4"], "stopped")
    wait_for(lambda: environments(server)["qa-1"]["last_run"]["settled_at"], seconds=60)
    shown = environments(server)
    assert (shown["qa-1"]["last_run"]["end"], shown["qa-1"]["commit"]) == ("succeeded", newest)
    assert all(shown[name]["commit"] != newest for name in NAMES[1:])
    time.sleep(5)
    assert "held, stopped by" in server.butai("env", "rollout").stderr
    assert all(environments(server)[name]["commit"] != newest for name in NAMES[1:])
    assert server.butai("env", "rollout", "--go-on", "--wait").returncode == 0
    assert {each["commit"] for each in environments(server).values()} == {newest}
