"""`butai demo`: starts everything on loopback, makes two environments, and runs until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from butai.aws.http import answer_of
from butai.client import Api, connect
from butai.datafolder import DataFolder
from butai.demo.base import Base, cloud_environment
from butai.demo.ports import Ports, held_ports
from butai.demo.team import TeamRepositories, examples_folder, make_team
from butai.environments.engines import Engines
from butai.environments.watch import Watch
from butai.errors import ButaiError, MissingPartError
from butai.localcloud.children import Child, Children
from butai.settings import Settings
from butai.terminal import say, talk
from butai.terraform.progress import Progress as EngineProgress

REGION = "ap-northeast-1"
START_WAIT_S = 60.0
STOP_WAIT_S = 60.0
LOOK_EVERY_S = 0.2
ENVIRONMENTS: tuple[dict[str, Any], ...] = (
    {"name": "qa-1", "purpose": "Release test", "owner": "mika", "services": {}},
    {
        "name": "qa-2",
        "purpose": "The blue banner, before it goes to main",
        "owner": "ken",
        "services": {"web": {"branch": "blue-banner"}},
    },
)


def play(data: Path | None, *, open_browser: bool) -> None:
    """Run the demo until Ctrl-C or SIGTERM."""
    # Both by our own hand: a shell starts background jobs with Ctrl-C switched off.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _as_ctrl_c)
    folder = DataFolder(data or Settings().data / "demo")
    with ExitStack() as stack:
        lock = folder.lock("demo")
        stack.callback(lock.release)
        children = Children(folder.path / "children")
        if children.end_leftovers():
            say("Ended what an earlier demo had left running.")
        ports = stack.enter_context(held_ports(folder.path / "ports.json"))
        say(f"The demo's data is in {folder.path}")
        team = make_team(examples_folder(), folder.path / "repositories")
        try:
            stage = stack.enter_context(_running(folder, children, ports, team))
            _fill(stage, folder, ports, team)
            _present(stage, open_browser=open_browser)
            stage.wait()
        except KeyboardInterrupt:
            say("\nStopping. What was made stays: `make demo` finds it again.")


class Stage:
    """The demo's processes and the API of its server."""

    def __init__(self, settings: Settings, environ: dict[str, str]) -> None:
        self.settings, self.environ = settings, environ
        self.processes: list[Child] = []
        self.api: Api | None = None

    @property
    def server(self) -> Api:
        """The server's API."""
        assert self.api is not None
        return self.api

    def wait(self) -> None:
        """Until Ctrl-C; a process that ends by itself ends the demo with an error."""
        while True:
            self.check()
            time.sleep(LOOK_EVERY_S)

    def check(self) -> None:
        """Raise when one of the processes has ended."""
        for child in self.processes:
            if not child.alive():
                raise ButaiError(
                    f"The demo's {child.name} ended by itself (exit code {child.returncode}).",
                    next=f"Its log is in {self.settings.data.parent / 'logs' / (child.name + '.log')}.",
                    code="demo-process-ended",
                )


@contextmanager
def _running(folder: DataFolder, children: Children, ports: Ports, team: TeamRepositories) -> Iterator[Stage]:
    """Local cloud, server and worker; stopped in the opposite order, a run in progress first."""
    endpoint = f"http://127.0.0.1:{ports.cloud}"
    environ = cloud_environment(endpoint, REGION)
    environ["BUTAI_DATA"] = str(folder.path / "butai")
    environ["BUTAI_PORT"] = str(ports.portal)
    os.environ["BUTAI_DATA"] = environ["BUTAI_DATA"]
    stage = Stage(Settings(data=folder.path / "butai"), environ)
    logs = folder.path / "logs"
    commands = {
        "cloud": [
            *("-m", "butai.localcloud", "--data", str(folder.path / "cloud"), "--port", str(ports.cloud)),
            *("--region", REGION, "--repositories", str(team.folder)),
        ],
        "server": ["-m", "butai", "serve"],
        "worker": ["-m", "butai", "worker"],
    }
    try:
        for name, argv in commands.items():
            log = logs / f"{name}.log"
            log.unlink(missing_ok=True)
            child = children.start(name, [sys.executable, *argv], env=environ, cwd=folder.path, log=log)
            stage.processes.append(child)
        _wait_until(stage, lambda: _answers(logs / "cloud.log"), "the local cloud")
        _wait_until(stage, lambda: _connected(stage), "the server")
        yield stage
    finally:
        _stop(stage)


def _stop(stage: Stage) -> None:
    _stop_runs(stage)
    for child in reversed(stage.processes):
        child.stop(STOP_WAIT_S)


def _stop_runs(stage: Stage) -> None:
    """A run in progress: one interrupt to its engine, then wait for its state."""
    try:
        busy = [each for each in stage.server.get("/api/v1/environments") if each["last_run"]["status"] != "ended"]
    except (ButaiError, AssertionError):
        return
    for environment in busy:
        run = environment["last_run"]["id"]
        say(f"{environment['name']}: run {run} is in progress; one interrupt to its engine, waiting for its state.")
        stage.server.post(f"/api/v1/runs/{run}/cancel")
    deadline = time.monotonic() + STOP_WAIT_S
    while busy and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
        busy = [each for each in busy if not _said_end(stage.server, each)]
    for environment in busy:
        say(f"{environment['name']}: its engine still works and goes on alone; the next start looks at it.")


def _said_end(server: Api, environment: dict[str, Any]) -> bool:
    run = server.get(f"/api/v1/runs/{environment['last_run']['id']}")
    if run["status"] == "ended":
        say(f"{environment['name']}: {run['end'].replace('-', ' ')}.")
    return bool(run["status"] == "ended")


def _fill(stage: Stage, folder: DataFolder, ports: Ports, team: TeamRepositories) -> None:
    """The team's base, the blueprint, the two environments; what is there already is left as it is."""
    engines = Engines(stage.settings, stage.environ)
    base = Base(folder.path / "base", engines.find(), engines.mirrors, stage.environ)
    if not base.applied:
        _apply_base(base, ports)
    known = {each["name"] for each in stage.server.get("/api/v1/blueprints")}
    if not known:
        stage.server.post("/api/v1/blueprints", {"repository": str(team.infra), "root": "staging"})
    there = {each["name"]: each["id"] for each in stage.server.get("/api/v1/environments")}
    for wanted in ENVIRONMENTS:
        if wanted["name"] not in there and not (folder.path / "filled").exists():
            started = stage.server.post("/api/v1/environments", wanted)
            there[wanted["name"]] = started["environment"]["id"]
    (folder.path / "filled").touch()
    Watch(stage.server, list(there.values())).until_settled()
    _wait_alive(stage)


def _apply_base(base: Base, ports: Ports) -> None:
    say("The team's shared base (network, load balancer, cluster, database) is applied once: a minute and a half.")
    source = examples_folder() / "ivr" / "infra" / "base"
    if not talk.is_terminal:
        base.apply(source, ports.listener, lambda _progress: None)
        return
    columns = (
        TextColumn("base", style="bold"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}", style="dim"),
    )
    with Progress(*columns, console=talk) as bars:
        task = bars.add_task("base", total=None, count="", now="")

        def told(progress: EngineProgress) -> None:
            count = f"{progress.done} of {progress.planned}" if progress.planned else ""
            bars.update(
                task, total=progress.planned or None, completed=progress.done, count=count, now=progress.waiting_text
            )

        base.apply(source, ports.listener, told)


def _wait_alive(stage: Stage) -> None:
    """Environments that were there before answer again once the local cloud has started their tasks."""
    urls = [url for each in stage.server.get("/api/v1/environments") for url in list(each["urls"].values())[:1]]
    _wait_until(stage, lambda: all(answer_of(url) == 200 for url in urls), "the environments")


def _present(stage: Stage, *, open_browser: bool) -> None:
    portal = stage.server.post("/api/sign-in-keys")["url"]
    say("")
    say(f"Portal     {portal}")
    for environment in stage.server.get("/api/v1/environments"):
        versions = ", ".join(f"{each['name']} {each['branch']}" for each in environment["services"])
        url = next(iter(environment["urls"].values()), environment["state"]["word"])
        say(f"{environment['name']:<10} {url}  ({versions})")
    say(f"\nTry in another terminal: butai --data {stage.settings.data} env list")
    say("Ctrl-C stops everything that the demo started.")
    if open_browser and _has_display():
        webbrowser.open(portal)
        for environment in stage.server.get("/api/v1/environments"):
            for url in list(environment["urls"].values())[:1]:
                webbrowser.open(url)


def _has_display() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _answers(log: Path) -> bool:
    """Whether the local cloud has printed its address: it does so when it is ready."""
    return any(line.startswith("{") and "endpoint" in json.loads(line) for line in log.read_text().splitlines())


def _connected(stage: Stage) -> bool:
    try:
        stage.api = connect(stage.settings)
        stage.api.get("/api/v1/environments")
    except MissingPartError:
        return False
    return True


def _wait_until(stage: Stage, what: Callable[[], bool], name: str) -> None:
    deadline = time.monotonic() + START_WAIT_S
    while not what():
        stage.check()
        if time.monotonic() > deadline:
            raise ButaiError(f"{name} did not answer within {START_WAIT_S:.0f} s.", next="See the demo's logs folder.")
        time.sleep(LOOK_EVERY_S)


def _as_ctrl_c(*_: object) -> None:
    raise KeyboardInterrupt
