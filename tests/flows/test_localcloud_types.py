"""Every Terraform type of the example against the local cloud: apply, nothing to plan, change, nothing to plan, destroy.

Four stories run side by side, since nearly all of their time is the provider's own waiting (60 s for a load balancer,
30 s for a cache, 80 s for a database).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from support.cloud import Cloud, running_cloud
from support.engine import Engine
from support.localcloud_roots import ALONE, BASE, DATABASE, ENVIRONMENT
from support.repository import WorkingTree
from support.ways import Host

_WEB = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["ENVIRONMENT"].encode())
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@dataclass
class Seen:
    """What each step of the stories saw."""

    plans: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_in_state: dict[str, list[str]] = field(default_factory=dict)
    left_in_cloud: dict[str, list[Any]] = field(default_factory=dict)
    pings: dict[str, bool] = field(default_factory=dict)
    rows: dict[str, list[Any]] = field(default_factory=dict)


class Stories:
    """The four roots on one cloud."""

    def __init__(self, cloud: Cloud, folder: Path, host: Host) -> None:
        self.cloud, self.seen, self._host = cloud, Seen(), host
        self.base = self._engine(folder / "base", BASE)
        self.environment = self._engine(folder / "environment", ENVIRONMENT)
        self.alone = self._engine(folder / "alone", ALONE)
        self.database = self._engine(folder / "database", DATABASE)
        self.base.init()
        self.environment.init_like(self.base)
        self.alone.init_like(self.base)
        self.database.init_like(self.base)

    def tell(self) -> Seen:
        """Run them; the first failure of any is raised."""
        with ThreadPoolExecutor() as pool:
            apart = [pool.submit(self._tell_alone), pool.submit(self._tell_database)]
            self.base.apply()
            self._plan("base created", self.base)
            others = [pool.submit(self._tell_environment), pool.submit(self._change_base)]
            _all(others)
            self.base.destroy()
            self.seen.left_in_state["base"] = self.base.resources()
            _all(apart)
        self.seen.left_in_cloud = leftovers(self.cloud)
        return self.seen

    def _tell_alone(self) -> None:
        self.alone.apply()
        self._plan("alone created", self.alone)
        outputs = self.alone.outputs()
        self.alone.apply(words="second")
        self._plan("alone changed", self.alone, words="second")
        for name, node in outputs.items():
            self.seen.pings[name] = redis.Redis(node["address"], node["port"], protocol=2).ping()
        self.alone.destroy()
        self.seen.outputs["alone"] = outputs
        self.seen.left_in_state["alone"] = self.alone.resources()

    def _tell_database(self) -> None:
        self.database.apply()
        self._plan("database created", self.database)
        self.seen.rows["first"] = self._asked(self.database.outputs(), "a password of first")
        self.database.apply(words="second")
        self._plan("database changed", self.database, words="second")
        self.seen.rows["second"] = self._asked(self.database.outputs(), "a password of second")
        self.database.destroy(words="second")
        self.seen.left_in_state["database"] = self.database.resources()

    def _asked(self, outputs: dict[str, Any], password: str) -> list[Any]:
        """Who the two databases say one is, with the passwords that RDS and the module have given."""
        secret = self.cloud.client("secretsmanager").get_secret_value(SecretId=outputs["secret"])["SecretString"]
        found = []
        for endpoint, access in (
            (outputs["managed"], {**json.loads(secret), "dbname": "postgres"}),
            (outputs["plain"], {"username": "mika", "password": password, "dbname": "calls"}),
        ):
            host, _, port = endpoint.partition(":")
            with psycopg.connect(host=host, port=port, user=access.pop("username"), **access) as connection:
                found.append(connection.execute("SELECT current_user, current_database()").fetchone())
        return found

    def _tell_environment(self) -> None:
        self.environment.apply()
        self._plan("environment created", self.environment)
        changed = {"image": "blue", "count_of_tasks": "2"}
        self.environment.apply(**changed)
        self._plan("environment changed", self.environment, **changed)
        self.seen.outputs["environment"] = self.environment.outputs()
        self.environment.destroy(**changed)
        self.seen.left_in_state["environment"] = self.environment.resources()

    def _change_base(self) -> None:
        self.base.apply(words="second")
        self._plan("base changed", self.base, words="second")

    def _plan(self, step: str, engine: Engine, **variables: str) -> None:
        self.seen.plans[step] = engine.changes(**variables)

    def _engine(self, folder: Path, root: str) -> Engine:
        engine = Engine(folder, self.cloud.env)
        # Each command would first wait for a provider of its own; that both ways do the same has tests elsewhere.
        engine.around = lambda: self._host.let_in(folder, engine.env)
        engine.write(root)
        return engine


def _all(futures: list[Future[None]]) -> None:
    for future in futures:
        future.result()


def leftovers(cloud: Cloud) -> dict[str, list[Any]]:
    """Everything in the cloud that a destroy should have removed, by kind; kinds with nothing are left out."""
    ec2, elb, ecs = cloud.client("ec2"), cloud.client("elbv2"), cloud.client("ecs")
    iam, cache = cloud.client("iam"), cloud.client("elasticache")
    found = {
        "vpcs": [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]],
        "security groups": [g for g in ec2.describe_security_groups()["SecurityGroups"] if g["GroupName"] != "default"],
        "gateways": ec2.describe_internet_gateways()["InternetGateways"],
        "interfaces": ec2.describe_network_interfaces()["NetworkInterfaces"],
        "load balancers": elb.describe_load_balancers()["LoadBalancers"],
        "target groups": elb.describe_target_groups()["TargetGroups"],
        "clusters": ecs.list_clusters()["clusterArns"],
        "task definitions": ecs.list_task_definitions()["taskDefinitionArns"],
        "roles": iam.list_roles()["Roles"],
        "policies": iam.list_policies(Scope="Local")["Policies"],
        "log groups": cloud.client("logs").describe_log_groups()["logGroups"],
        "parameters": cloud.client("ssm").describe_parameters()["Parameters"],
        "caches": cache.describe_cache_clusters()["CacheClusters"],
        "cache subnet groups": cache.describe_cache_subnet_groups()["CacheSubnetGroups"],
        "repositories": cloud.client("ecr").describe_repositories()["repositories"],
        "redis data": list((cloud.data / "redis").iterdir()),
        "databases": cloud.client("rds").describe_db_instances()["DBInstances"],
        "database subnet groups": cloud.client("rds").describe_db_subnet_groups()["DBSubnetGroups"],
        "database data": list((cloud.data / "rds").iterdir()),
        "secrets": cloud.client("secretsmanager").list_secrets()["SecretList"],
    }
    return {kind: things for kind, things in found.items() if things}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """The stories, told once for all tests of this file. The cloud is strict: anything it lacks fails its stop."""
    folder = tmp_path_factory.mktemp("types")
    web = WorkingTree(folder / "repositories" / "types" / "web")
    web.commit({"server.py": _WEB, "Procfile": "web: python server.py\n"})
    web.branch("blue")
    web.commit({"color": "blue"})
    host = Host(folder / "host")
    with running_cloud(folder) as cloud:
        seen = Stories(cloud, folder, host).tell()
    host.close()
    yield seen


@pytest.mark.parametrize(
    "step",
    [
        "base created",
        "base changed",
        "environment created",
        "environment changed",
        "alone created",
        "alone changed",
        "database created",
        "database changed",
    ],
)
def test_nothing_is_planned_after(seen: Seen, step: str) -> None:
    assert seen.plans[step] == {}


@pytest.mark.parametrize("root", ["base", "environment", "alone", "database"])
def test_destroy_ends_with_an_empty_state(seen: Seen, root: str) -> None:
    assert seen.left_in_state[root] == []


def test_nothing_is_left_in_the_cloud(seen: Seen) -> None:
    assert seen.left_in_cloud == {}


def test_data_sources_find_what_the_base_made(seen: Seen) -> None:
    assert seen.outputs["environment"]["account"] == "123456789012"
    assert seen.outputs["environment"]["subnets"] == 2
    assert seen.outputs["environment"]["task_definition"].endswith(":2")


def test_a_redis_answers_at_each_reported_endpoint(seen: Seen) -> None:
    assert seen.outputs["alone"]["redis"]["port"] == 6379  # as the module asks
    assert seen.pings == {"redis": True, "plain": True}


def test_each_database_lets_in_whom_rds_says(seen: Seen) -> None:
    told = [("ivr_admin", "postgres"), ("mika", "calls")]
    assert seen.rows == {"first": told, "second": told}
