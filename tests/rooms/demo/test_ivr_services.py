"""The example's services as processes, started as the local cloud starts them, on a real Redis and on fakeredis."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from butai.demo.team import TeamRepositories, examples_folder, make_team
from butai.localcloud.children import Child, Children
from butai.localcloud.containers import read_procfile, split_line
from butai.localcloud.images import Images
from butai.localcloud.redis import RedisServers
from butai.localcloud.servers import Address
from butai.loopback import free_port
from support.postgres import PostgresServer, postgres
from support.variants import again

__all__ = ["postgres"]
START_S, STOP_S = 10.0, 5.0
NUMBERS = count(1)
CALLER = {"caller": "090-1234-5678"}
HEALTH = {"web": "/healthz", "api": "/api/health"}


class Stage:
    """One environment by hand: a Redis, a database, checkouts of commits, and the processes started so far."""

    def __init__(
        self, team: TeamRepositories, folder: Path, postgres: PostgresServer, redis_binary: str | None = None
    ) -> None:
        self.images, self.folder = Images(team.folder, folder / "images"), folder
        self.children = Children(folder / "children")
        self.redis = RedisServers(folder / "redis", self.children, redis_binary)
        self.redis_address = Address.wanted(None)
        self.running: list[Child] = []
        name = f"ivr_{next(NUMBERS)}"
        # A folder is a host to PostgreSQL's library: its socket lies there.
        self.database = {
            "DATABASE_HOST": str(postgres.folder),
            "DATABASE_NAME": name,
            "DATABASE_USER": name,
            "DATABASE_PASSWORD": "it's secret",
            "DATABASE_ADMIN_USER": "postgres",
            "DATABASE_ADMIN_PASSWORD": "unused",
        }

    def make_database(self, version: str = "main") -> str:
        """As the tasks after a create do it."""
        return "".join(self.manage(command, version) for command in ("create", "migrate", "seed"))

    def manage(self, command: str, version: str = "main", code: int = 0) -> str:
        """A command of the api's that runs once; what it said."""
        checkout = self.images.checkout(f"ivr-api:{version}")
        env = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **self.database}
        argv = [sys.executable, "manage.py", command]
        done = subprocess.run(argv, cwd=checkout, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def start_redis(self) -> None:
        self.redis_address = self.redis.start("ivr", self.redis_address)

    def start(self, service: str, version: str = "main", **environ: str) -> str:
        """Start a service, wait until it listens if it does; its URL."""
        port = free_port()
        checkout = self.images.checkout(f"ivr-{service}:{version}")
        env = {
            "PATH": "/usr/bin:/bin",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PORT": str(port),
            "REDIS_HOST": self.redis_address.host,
            "REDIS_PORT": str(self.redis_address.port),
            **self.database,
            "IVR_ENVIRONMENT": "qa-1",
            "IVR_VERSION": checkout.name,
            **environ,
        }
        command = split_line(read_procfile((checkout / "Procfile").read_text())[service], env)
        assert command[0] == "python"
        log = self.folder / f"{service}-{port}.log"
        name = f"{service}-{port}"
        child = self.children.start(name, [sys.executable, *command[1:]], env=env, cwd=checkout, log=log)
        self.running.append(child)
        url = f"http://127.0.0.1:{port}"
        if service in HEALTH:
            wait_for(lambda: answers(url) or not child.alive())
            assert child.alive(), log.read_text()
        return url

    def close(self) -> None:
        for child in self.running:
            child.stop(STOP_S)
        self.redis.stop()
        self.manage("drop")


def wait_for(condition: Callable[[], Any], seconds: float = START_S) -> Any:
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
    return found


def answers(url: str) -> bool:
    try:
        return bool(httpx.get(url, trust_env=False, verify=False).status_code)
    except httpx.TransportError:
        return False


def get(url: str, expected: int = 200) -> Any:
    answer = httpx.get(url, trust_env=False, verify=False)
    assert answer.status_code == expected, answer.text
    return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.text


def post(url: str, body: Any, expected: int = 200, headers: Mapping[str, str] | None = None) -> Any:
    answer = httpx.post(url, json=body, trust_env=False, verify=False, headers=headers)
    assert answer.status_code == expected, answer.text
    return answer.json()


def healthy(api: str) -> bool:
    return httpx.get(f"{api}/api/health", trust_env=False, verify=False).status_code == 200


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> TeamRepositories:
    return make_team(examples_folder(), tmp_path_factory.mktemp("team"))


@pytest.fixture
def stage(team: TeamRepositories, tmp_path: Path, postgres: PostgresServer) -> Iterator[Stage]:
    stage = Stage(team, tmp_path, postgres)
    stage.start_redis()
    stage.make_database()
    yield stage
    stage.close()


REDIS = sorted({"", "redis-server" if shutil.which("redis-server") else ""})


@pytest.mark.parametrize("binary", REDIS, ids=lambda binary: binary or "fakeredis")
def test_a_call_through_the_menu_ends_in_the_statistics(
    team: TeamRepositories, tmp_path: Path, postgres: PostgresServer, binary: str
) -> None:
    stage = Stage(team, tmp_path, postgres, binary)
    stage.start_redis()
    stage.make_database()
    try:
        api = stage.start("api", OPENING_HOURS="8:30 to 17:15")
        stage.start("worker")
        wait_for(lambda: healthy(api))
        menu = get(f"{api}/api/menu")
        assert menu["keys"]["4"]["title"] == "Opening hours" and "8:30 to 17:15" in menu["keys"]["4"]["say"]
        call = post(f"{api}/api/calls", CALLER)
        assert call["say"] == menu["say"] and [one["digit"] for one in call["choices"]] == list("12349")
        assert post(f"{api}/api/calls/{call['id']}/press", {"digit": "2"})["titles"] == ["Another delivery"]
        ended = post(f"{api}/api/calls/{call['id']}/press", {"digit": "1"})
        assert (ended["end"], ended["titles"], ended["choices"]) == ("answered", ["Another delivery", "Today"], [])
        other = post(f"{api}/api/calls", CALLER)
        assert post(f"{api}/api/calls/{other['id']}/end", {})["end"] == "hung up"
        stats = wait_for(lambda: counted(api, 2))
        assert stats["choice"] == {"Another delivery": 1} and stats["end"] == {"answered": 1, "hung up": 1}
        assert sum(stats["hour"].values()) == 2
        assert [one["id"] for one in get(f"{api}/api/calls")["calls"]] == [other["id"], call["id"]]
    finally:
        stage.close()


def counted(api: str, calls: int) -> Any:
    """The statistics, once this many calls are in them."""
    stats = get(f"{api}/api/stats")
    return stats if stats.get("total", {}).get("calls") == calls else None


def test_wrong_keys_lead_to_a_person_and_zero_leads_back(stage: Stage) -> None:
    api = stage.start("api")
    wait_for(lambda: healthy(api))
    call = post(f"{api}/api/calls", CALLER)
    url = f"{api}/api/calls/{call['id']}/press"
    assert post(url, {"digit": "1"})["path"] == ["1"]
    assert post(url, {"digit": "*"})["path"] == ["1"]
    assert post(url, {"digit": "0"})["path"] == []
    assert post(url, {"digit": "7"})["say"].startswith("This choice does not exist.")
    assert post(url, {"digit": "#"})["end"] is None
    assert post(url, {"digit": "8"})["end"] == "connected"
    assert post(url, {"digit": "1"}, expected=409) == {"error": f"Call {call['id']} is over."}


def test_wrong_requests_are_told_what_is_wrong(stage: Stage) -> None:
    api = stage.start("api", CALLBACK_TOKEN="right")
    wait_for(lambda: healthy(api))
    calls = f"{api}/api/calls"
    assert "telephone number" in post(calls, {"caller": "<script>"}, 422)["error"]
    assert "`caller` is missing" in post(calls, ["x"], 422)["error"]
    assert "no call 77" in post(f"{calls}/77/press", {"digit": "1"}, 404)["error"]
    assert "`digit` must be" in post(f"{calls}/77/press", {"digit": "12"}, 422)["error"]
    assert "nothing under /api/other" in get(f"{api}/api/other", 404)["error"]
    assert "too large" in post(calls, {"caller": "0" * 20_000}, 413)["error"]
    assert httpx.post(calls, content=b"{", trust_env=False, verify=False).status_code == 400
    assert post(calls, CALLER, 403, {"X-Carrier-Token": "wrong"})["error"] == "The carrier's token is wrong."
    assert post(calls, CALLER, 200, {"X-Carrier-Token": "right"})["source"] == "carrier"
    assert post(calls, CALLER)["source"] == "simulator"


def test_the_api_waits_for_redis_and_says_so(team: TeamRepositories, tmp_path: Path, postgres: PostgresServer) -> None:
    stage = Stage(team, tmp_path, postgres)
    stage.make_database()
    stage.redis_address = Address("127.0.0.1", free_port())
    try:
        api = stage.start("api")
        stage.start("worker", IVR_VERSION="of-the-worker")
        assert get(f"{api}/api/health", 503) == {"error": "Redis does not answer."}
        assert post(f"{api}/api/calls", CALLER, 503)
        stage.start_redis()
        wait_for(lambda: healthy(api))
        wait_for(lambda: get(f"{api}/api/health")["worker_version"] == "of-the-worker")
        assert all(child.alive() for child in stage.running)
    finally:
        stage.close()


def test_the_api_says_that_its_database_is_not_there_yet(
    team: TeamRepositories, tmp_path: Path, postgres: PostgresServer
) -> None:
    stage = Stage(team, tmp_path, postgres)
    stage.start_redis()
    try:
        api = stage.start("api")
        wait_for(lambda: healthy(api))
        assert "does not answer" in get(f"{api}/api/calls", 503)["error"]  # there is no such user yet
        stage.manage("create")
        assert "migrations have not run" in get(f"{api}/api/calls", 503)["error"]
        stage.manage("migrate")
        assert get(f"{api}/api/calls") == {"calls": []}
        assert post(f"{api}/api/calls", CALLER)["name"] is None
        stage.manage("seed")
        assert post(f"{api}/api/calls", CALLER)["name"] == "Hanako Sato"
    finally:
        stage.close()


def test_a_database_is_migrated_once_and_goes_although_somebody_is_connected(stage: Stage) -> None:
    api = stage.start("api")
    wait_for(lambda: healthy(api))
    call = post(f"{api}/api/calls", CALLER)
    assert stage.manage("migrate") == "2 migrations\n"
    assert "003_notes.sql done" in stage.manage("migrate", "call-notes")
    assert "003_notes.sql, which this version does not know" in stage.manage("migrate")
    assert get(f"{api}/api/calls")["calls"][0]["id"] == call["id"], "an older version goes on with a newer database"
    noted = stage.start("api", "call-notes")
    wait_for(lambda: healthy(noted))
    assert post(f"{noted}/api/calls/{call['id']}/note", {"note": "calls back"})["note"] == "calls back"
    assert get(f"{noted}/api/calls")["calls"][0]["note"] == "calls back"
    stage.manage("drop")
    assert "does not answer" in get(f"{api}/api/calls", 503)["error"]
    stage.manage("nonsense", code=2)


def test_a_call_that_a_worker_had_in_hand_is_counted_once_by_the_next(stage: Stage) -> None:
    api = stage.start("api")
    wait_for(lambda: healthy(api))
    for _ in range(3):
        call = post(f"{api}/api/calls", CALLER)
        post(f"{api}/api/calls/{call['id']}/end", {})
    with redis.Redis(stage.redis_address.host, stage.redis_address.port) as client:
        client.lmove("calls:finished", "calls:counting", "LEFT", "RIGHT")
        stage.start("worker")
        wait_for(lambda: counted(api, 3))
        assert client.llen("calls:counting") == 0


def test_the_page_shows_version_environment_and_number_and_calls_its_own_host(stage: Stage) -> None:
    web = stage.start("web", TEST_NUMBER="050-5530-0111")
    page = get(web)
    commit = stage.images.checkout("ivr-web:main").name
    assert re.search(rf'id="version">{commit[:7]}<', page) and re.search(r'id="environment">qa-1<', page)
    assert '"test-number">050-5530-0111<' in page and 'id="banner"' not in page
    for path in re.findall(r'(?:href|src)="(/[^"]+)"', page):
        assert get(f"{web}{path}"), path
    script = get(f"{web}/shared.js")
    assert "fetch(`/api/" in script and "http" not in page.replace("http-equiv", "").lower().split("<main>")[1]
    assert "&lt;b&gt;" in get(stage.start("web", IVR_ENVIRONMENT="<b>"))
    for hidden in ("/server.py", "/Procfile", "/../server.py", "/panels/20-menu/panel.html"):
        assert httpx.get(f"{web}{hidden}", trust_env=False, verify=False).status_code == 404


def test_the_branches_show_what_they_are_for(stage: Stage) -> None:
    banner = get(stage.start("web", "blue-banner"))
    assert re.search(r'id="banner">New: call-backs are in trial<', banner)
    assert "--digit-size: 1.9rem" in get(f"{stage.start('web', 'larger-digits')}/tokens.css")
    stage.start("worker", "weekly-report")
    slow = stage.start("api")
    wait_for(lambda: healthy(slow))
    call = post(f"{slow}/api/calls", CALLER)
    post(f"{slow}/api/calls/{call['id']}/press", {"digit": "3"})
    fast = stage.start("api", "faster-menu")
    # The newer version's menu replaces the other; an open call goes on in it.
    wait_for(lambda: get(f"{fast}/api/menu")["say"].startswith("Minato Parcel."))
    assert post(f"{fast}/api/calls/{call['id']}/press", {"digit": "1"})["end"] == "answered"
    weeks = wait_for(lambda: counted(fast, 1))["week"]
    assert [re.fullmatch(r"\d{4}-W\d\d", week) is not None for week in weeks] == [True]


def test_an_open_page_is_told_of_changes(stage: Stage) -> None:
    api = stage.start("api")
    wait_for(lambda: healthy(api))
    with httpx.stream("GET", f"{api}/api/events", trust_env=False, verify=False, timeout=START_S) as stream:
        lines = (line for line in stream.iter_lines() if line)
        assert stream.headers["content-type"] == "text/event-stream"
        first = next(lines)
        post(f"{api}/api/calls", CALLER)
        second = next(lines)
        assert first.startswith("data: ") and second.startswith("data: ") and first != second


@pytest.mark.parametrize("service", ["web", "api", "worker"])
@pytest.mark.parametrize("which", ["--no-walk", pytest.param("--date-order", marks=again)], ids=["branches", "all"])
def test_commits_start_quickly_and_stop_at_once(team: TeamRepositories, stage: Stage, service: str, which: str) -> None:
    for commit in commits(team, service, which):
        began = time.monotonic()
        url = stage.start(service, commit)
        if service in HEALTH:
            wait_for(lambda url=url: httpx.get(url + HEALTH[service], trust_env=False, verify=False).status_code == 200)  # type: ignore[misc]
        else:
            wait_for(lambda: is_caught(stage.running[-1].pid, signal.SIGTERM))
        child = stage.running[-1]
        assert child.alive(), commit
        assert time.monotonic() - began < START_S / 2
        began = time.monotonic()
        assert child.stop(STOP_S) == 0, commit
        assert time.monotonic() - began < 1.0


def is_caught(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for a signal: from then on it can end in order."""
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def commits(team: TeamRepositories, service: str, which: str) -> list[str]:
    """Of all branches: the newest ones, or with those before them."""
    repository = team.folder / f"ivr-{service}.git"
    listed = subprocess.run(
        ["git", "--git-dir", str(repository), "rev-list", which, "--all"], capture_output=True, check=True, text=True
    )
    return listed.stdout.split()
