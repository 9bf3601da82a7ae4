"""The example's Terraform roots on the local cloud: two environments beside each other, a deploy, and nothing left over.

They go the fast way, with a provider that they share. `make test-all` tells it with providers of the first one's own
too: what both keep and make is the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from butai.aws.existing import Survey, survey
from butai.aws.existing_kinds import KINDS
from butai.aws.session import Access, session_for
from butai.blueprints.model import Blueprint, image_for
from butai.blueprints.validate import parse
from butai.demo.team import TeamRepositories, examples_folder, make_team
from butai.inventory.coverage import Share, coverage
from butai.localcloud.services import SERVICES
from butai.loopback import free_port
from butai.terraform.state_index import StateInstance, index
from support.cloud import REGION, Cloud, running_cloud
from support.comparing import differences
from support.engine import Engine
from support.example_cloud import inventory, kept_and_standing
from support.variants import again
from support.ways import Host

pytestmark = [pytest.mark.timeout(600)]

NAMES = ("qa-1", "qa-2")
# A step takes up to 100 seconds, nearly all of it the provider's own waiting: 80 for a database, 60 for a load balancer,
# 30 for a Redis.
# Much more than that is a waiter that waits for what does not come.
STEP_S = 140.0
ANSWER_S = 30.0
CALLER = {"caller": "090-1234-5678"}


@dataclass
class Seen:
    """What each step of the story saw."""

    took_s: dict[str, float] = field(default_factory=dict)
    plans: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    menus: dict[str, dict[str, Any]] = field(default_factory=dict)
    stats: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    databases: dict[str, set[str]] = field(default_factory=dict)
    nobody: int = 0
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    inventories: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    survey: Survey | None = None
    known: dict[str, list[StateInstance]] = field(default_factory=dict)


class Story:
    """The team's roots, as the blueprint fills them."""

    def __init__(self, cloud: Cloud, team: TeamRepositories, folder: Path, host: Host, first: Host | None) -> None:
        self.cloud, self.team, self.seen, self.port = cloud, team, Seen(), free_port()
        infra = examples_folder() / "ivr" / "infra"
        self.blueprint = parse((infra / "staging" / "butai.yaml").read_text())
        self.base = engine_of(infra / "base", folder / "base", cloud, first)
        self.host = host
        self.staging = {
            name: engine_of(infra / "staging", folder / name, cloud, shared)
            for name, shared in zip(NAMES, (first, host), strict=True)
        }
        self.base.init()
        for engine in self.staging.values():
            engine.init_like(self.base)

    def tell(self) -> Seen:
        """From nothing to two environments and back to nothing."""
        self._take_stock("empty")
        self._timed("apply base", lambda: self.base.apply(listener_port=str(self.port)))
        self.seen.plans["base"] = self.base.changes(listener_port=str(self.port))
        self._take_stock("base")
        self._each("apply", lambda name: self.staging[name].apply(**self.variables(name)))
        self._each("make databases", lambda name: self._run_tasks(name, "after_create"))
        self._each("plan", self._plan)
        self.seen.made = {name: kept_and_standing(engine, self.cloud) for name, engine in self.staging.items()}
        self._use()
        self._deploy_the_banner()
        self._take_stock("both")
        self.seen.survey = look_around(self.cloud)
        self.seen.known = {name: known_to(each) for name, each in {"base": self.base, **self.staging}.items()}
        self._each("drop databases", lambda name: self._run_tasks(name, "before_destroy"))
        self.seen.databases["after"] = self._databases()
        self._each("destroy", lambda name: self.staging[name].destroy(**self.variables(name)))
        self._take_stock("base again")
        self._timed("destroy base", lambda: self.base.destroy(listener_port=str(self.port)))
        self._take_stock("empty again")
        return self.seen

    def variables(self, name: str, branch: str = "main") -> dict[str, str]:
        """What Butai would give the root: the environment's name, images, leases and defaults."""
        place = NAMES.index(name)
        leases = {"listener_priority": str(100 + 10 * place), "test_number": numbers(self.blueprint)[place]}
        images = {
            service.variable: image_for(service, self._commit(label, branch if label == "web" else "main"), None)
            for label, service in self.blueprint.services.items()
        }
        defaults = {key: str(value) for key, value in self.blueprint.defaults.items()}
        hours = {"opening_hours": f"{8 + place}:00 to 18:00"}
        return {"environment": name, **images, **leases, **defaults, **hours}

    def _use(self) -> None:
        """Look at both environments, and make a call in the first."""
        for name in NAMES:
            self.seen.pages[name] = answered(lambda name=name: self.get(name, "/")).text  # type: ignore[misc]
            self.seen.menus[name] = answered(lambda name=name: self.get(name, "/api/menu")).json()  # type: ignore[misc]
        self.seen.databases["both"] = self._databases()
        call = self.post("qa-1", "/api/calls", CALLER).json()
        self.post("qa-1", f"/api/calls/{call['id']}/end", {})
        until(lambda: self.get("qa-1-api", "/api/stats").json())
        self.seen.stats = {name: self.get(f"{name}-api", "/api/stats").json() for name in NAMES}
        self.seen.calls = {name: self.get(f"{name}-api", "/api/calls").json()["calls"] for name in NAMES}
        self.seen.nobody = self.get("qa-3", "/").status_code

    def _run_tasks(self, name: str, when: str) -> None:
        """What the blueprint declares for that moment, by the program that Butai's runs start."""
        folder = self.staging[name].folder
        tasks = [
            {
                "name": each.service,
                "address": self.blueprint.services[each.service].ecs_service,
                "definition": each.task_definition or "",
                "image": self.blueprint.services[each.service].image,
                "variables": None,
                "container": "",
                "command": each.command,
                "timeout_s": 60,
                "token": f"{name}-{when}-{number}",
            }
            for number, each in enumerate(getattr(self.blueprint.tasks, when))
        ]
        file = folder / f"{when}.json"
        file.write_text(json.dumps({"pull": ["cat", str(folder / "terraform.tfstate")], "when": when, "tasks": tasks}))
        argv = [sys.executable, "-m", "butai.environments.one_offs", str(file)]
        done = subprocess.run(
            argv,
            env={**os.environ, **self.cloud.env, "AWS_DEFAULT_REGION": REGION},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _databases(self) -> set[str]:
        """What lies in the shared PostgreSQL, asked as its own user."""
        instance = self.cloud.client("rds").describe_db_instances()["DBInstances"][0]
        secret = self.cloud.client("secretsmanager").get_secret_value(
            SecretId=instance["MasterUserSecret"]["SecretArn"]
        )
        access, endpoint = json.loads(secret["SecretString"]), instance["Endpoint"]
        host, port, user, password = endpoint["Address"], endpoint["Port"], access["username"], access["password"]
        with psycopg.connect(host=host, port=port, user=user, password=password, dbname="postgres") as connection:
            names = connection.execute("SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles").fetchall()
        return {name for (name,) in names if name.startswith("ivr_qa")}

    def _deploy_the_banner(self) -> None:
        given = self.variables("qa-2", "blue-banner")
        self.seen.plans["deploy"] = self.staging["qa-2"].changes(**given)
        self._timed("deploy", lambda: self.staging["qa-2"].apply(**given))
        self.seen.plans["deployed"] = self.staging["qa-2"].changes(**given)
        until(lambda: 'id="banner"' in self.get("qa-2", "/").text)
        self.seen.pages |= {f"{name} then": self.get(name, "/").text for name in NAMES}

    def _plan(self, name: str) -> None:
        self.seen.plans[name] = self.staging[name].changes(**self.variables(name))

    def _commit(self, service: str, branch: str) -> str:
        repository = self.team.folder / f"ivr-{service}.git"
        asked = ["git", "--git-dir", str(repository), "rev-parse", branch]
        return subprocess.run(asked, capture_output=True, check=True, text=True).stdout.strip()

    def _each(self, step: str, act: Callable[[str], None]) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: self._timed(f"{step} {name}", lambda: act(name)), NAMES))

    def _timed(self, step: str, act: Callable[[], None]) -> None:
        began = time.monotonic()
        act()
        self.seen.took_s[step] = time.monotonic() - began

    def _take_stock(self, moment: str) -> None:
        self.seen.inventories[moment] = inventory(self.cloud)

    def get(self, host: str, path: str) -> httpx.Response:
        """A request through the load balancer."""
        return self._ask("GET", host, path)

    def post(self, host: str, path: str, body: Mapping[str, str]) -> httpx.Response:
        """A request with a body through the load balancer."""
        return self._ask("POST", host, path, json=body)

    def _ask(self, method: str, host: str, path: str, **more: Any) -> httpx.Response:
        # By address, since not every resolver knows the names below localhost.
        headers = {"Host": f"{host}.ivr.localhost:{self.port}"}
        return httpx.request(
            method,
            f"http://127.0.0.1:{self.port}{path}",
            headers=headers,
            trust_env=False,
            verify=False,
            timeout=20,
            **more,
        )


def engine_of(source: Path, folder: Path, cloud: Cloud, shared: Host | None = None) -> Engine:
    """An engine in a folder of its own with the root's files; with a provider of its own, or one that is shared."""
    engine = Engine(folder, cloud.env)
    if shared is not None:
        engine.around = lambda: shared.let_in(folder, engine.env)
    for file in source.glob("*.tf"):
        (folder / file.name).write_bytes(file.read_bytes())
    return engine


def numbers(blueprint: Blueprint) -> list[str]:
    """The test numbers that the blueprint lends."""
    return blueprint.leases["test_number"].list_ or []


def look_around(cloud: Cloud) -> Survey:
    """What exists in the cloud, of the services that it has."""
    kinds = [each for each in KINDS if each.arns.partition(":")[0] in SERVICES]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.env.items():
            patch.setenv(name, value)
        return survey(session_for(Access(REGION)), [REGION], kinds)


def known_to(engine: Engine) -> list[StateInstance]:
    """What a root's state holds."""
    return index((engine.folder / "terraform.tfstate").read_bytes())


def answered(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The first answer that is a success."""
    found: list[httpx.Response] = []

    def tried() -> bool:
        found.append(ask())
        return found[-1].status_code == 200

    until(tried)
    return found[-1]


def until(condition: Callable[[], Any]) -> None:
    """Until it is so."""
    end = time.monotonic() + ANSWER_S
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> TeamRepositories:
    return make_team(examples_folder(), tmp_path_factory.mktemp("team"))


@pytest.fixture(scope="module", params=["shared", pytest.param("own", marks=again)])
def story(
    request: pytest.FixtureRequest, team: TeamRepositories, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """The story, told once: the first environment and the base with a shared provider too, or with one of their own."""
    folder = tmp_path_factory.mktemp("example")
    host = Host(folder / "host")
    with running_cloud(folder, repositories=team.folder) as cloud:
        story = Story(cloud, team, folder, host, host if request.param == "shared" else None)
        story.tell()
        assert not host.client.crashed_lately()
        yield story
    host.close()


def test_an_apply_leaves_nothing_to_plan(story: Story) -> None:
    plans = story.seen.plans
    assert [plans[step] for step in ("base", "qa-1", "qa-2", "deployed")] == [{}, {}, {}, {}]


def test_both_ways_keep_and_make_the_same(story: Story) -> None:
    plain_way, fast_way = (story.seen.made[name] for name in NAMES)
    assert len(plain_way) > 35
    assert differences(plain_way, fast_way) == []


def test_a_deploy_touches_the_service_and_nothing_else(story: Story) -> None:
    touched = {address: change[0] for address, change in story.seen.plans["deploy"].items()}
    assert set(touched) == {"aws_ecs_task_definition.web", "aws_ecs_service.web"}
    assert touched["aws_ecs_service.web"] == "update"


def test_each_environment_answers_with_what_is_its_own(story: Story) -> None:
    seen = story.seen
    for place, name in enumerate(NAMES):
        assert f'id="environment">{name}<' in seen.pages[name]
        assert numbers(story.blueprint)[place] in seen.pages[name]
        assert f"{8 + place}:00 to 18:00" in seen.menus[name]["keys"]["4"]["say"]
    assert seen.stats["qa-1"]["total"]["calls"] == 1 and seen.stats["qa-2"] == {}
    assert [each["name"] for each in seen.calls["qa-1"]] == ["Hanako Sato"] and seen.calls["qa-2"] == []
    assert seen.nobody == 404


def test_each_environment_has_a_database_that_comes_and_goes_with_it(story: Story) -> None:
    assert story.seen.databases == {"both": {"ivr_qa_1", "ivr_qa_2"}, "after": set()}


def test_the_deployed_version_is_shown_there_alone(story: Story) -> None:
    main, banner = story._commit("web", "main"), story._commit("web", "blue-banner")
    pages = story.seen.pages
    assert f'id="version">{main[:7]}<' in pages["qa-1 then"] and 'id="banner"' not in pages["qa-1 then"]
    assert f'id="version">{banner[:7]}<' in pages["qa-2 then"]
    assert "New: call-backs are in trial" in pages["qa-2 then"]


def test_the_states_together_know_all_that_exists(story: Story) -> None:
    found, known = story.seen.survey, story.seen.known
    assert found is not None and found.gaps == ()
    whole = coverage([found], known)
    assert (whole.total.percent, whole.unmanaged, whole.gone) == (100, (), ())
    without = coverage([found], {name: each for name, each in known.items() if name != "qa-2"})
    assert {each.existing.name for each in without.unmanaged} >= {"ivr-qa-2-web", "ivr-qa-2"}
    assert all(
        "qa-2" in each.existing.arn + each.existing.name or each.kind == "aws_lb_listener_rule"
        for each in without.unmanaged
    )
    assert without.by_kind["aws_ecs_service"] == Share(3, 3)


def test_a_destroy_leaves_what_was_there_before_and_no_more(story: Story) -> None:
    stock = story.seen.inventories
    assert len(stock["both"]["services"]) == 6 and len(stock["both"]["tasks"]) == 6
    assert stock["both"]["redis"] == {"ivr-qa-1", "ivr-qa-2"}
    assert stock["base again"] == stock["base"]
    assert stock["empty again"] == stock["empty"]
    assert all(engine.resources() == [] for engine in (story.base, *story.staging.values()))


def test_no_step_waits_for_what_does_not_come(story: Story) -> None:
    slow = {step: took for step, took in story.seen.took_s.items() if took > STEP_S}
    assert slow == {}


@pytest.mark.parametrize("root", ["base", "staging"])
def test_every_version_in_the_history_is_valid(story: Story, team: TeamRepositories, tmp_path: Path, root: str) -> None:
    for number, files in enumerate(versions(team.infra, root)):
        engine = Engine(tmp_path / str(number), {})
        engine.around = partial(story.host.let_in, engine.folder, engine.env)
        for name, content in files.items():
            (engine.folder / name).write_bytes(content)
        engine.init_like(story.base)
        engine.validate()
        formatted = ["terraform", "fmt", "-check", "-diff"]
        done = subprocess.run(formatted, cwd=engine.folder, env=engine.env, capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stdout


def versions(repository: Path, root: str) -> list[dict[str, bytes]]:
    """The different versions of a root's Terraform files, over all commits."""

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", "--git-dir", str(repository), *arguments], capture_output=True, check=True).stdout

    found: list[dict[str, bytes]] = []
    for commit in git("rev-list", "main", "--", root).decode().split():
        names = git("ls-tree", "--name-only", f"{commit}:{root}").decode().split()
        files = {name: git("show", f"{commit}:{root}/{name}") for name in names if name.endswith(".tf")}
        if files not in found:
            found.append(files)
    return found
