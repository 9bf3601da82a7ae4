"""What unmanaged things and code cost: an account in moto, and the Price List from a small server, since moto has none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from butai.assembly import Butai, assemble
from butai.aws.prices import read_prices
from butai.aws.session import Access, session_for
from butai.cli import app
from butai.inventory import coverage_commands, prices_commands
from butai.inventory.view import Colour, View
from butai.inventory.views import AddRequest
from butai.settings import Settings
from support.in_process import Api, with_key
from support.moto_process import REGION, Moto, moto, moto_server
from support.price_list import TOKYO, PriceList, cache, offer
from support.repository import WorkingTree
from support.rows import NOW

__all__ = ["moto", "moto_server"]

PORT = 8714
CODE = """\
provider "aws" {
  region = "ap-northeast-1"
}
resource "aws_nat_gateway" "out" {
  count     = 2
  subnet_id = "subnet-1"
}
resource "aws_ecs_service" "web" {
  name            = "web"
  launch_type     = "FARGATE"
  desired_count   = 2
  task_definition = aws_ecs_task_definition.web.arn
}
resource "aws_ecs_task_definition" "web" {
  family = "web"
  cpu    = 512
  memory = 1024
}
resource "aws_elasticache_cluster" "other" {
  engine    = "redis"
  node_type = var.anything
}
resource "aws_sqs_queue" "calls" {}
"""
WAIT_S = 60.0


@pytest.fixture
def listed(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceList]:
    """An account with a Redis and a NAT gateway that nobody manages, and a Price List beside it."""
    with PriceList() as listed:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", listed.url)
        small = {"Engine": "redis", "CacheNodeType": "cache.t4g.micro", "NumCacheNodes": 1}
        moto.client("elasticache").create_cache_cluster(CacheClusterId="calls", **small)
        ec2 = moto.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(CidrBlock="10.0.0.0/24", VpcId=vpc)["Subnet"]["SubnetId"]
        ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")
        moto.client("sqs").create_queue(QueueName="calls")
        moto.client("elasticache").create_cache_cluster(CacheClusterId="big", **{**small, "CacheNodeType": "cache.x"})
        yield listed


@pytest.fixture
def butai(listed: PriceList, tmp_path: Path) -> Iterator[Butai]:
    tree = WorkingTree(tmp_path / "infra")
    tree.commit({"main.tf": CODE})
    butai = assemble(Settings(data=tmp_path / "data"))
    butai.inventory.add(AddRequest(repository=str(tree.path)))
    yield butai
    butai.database.close()


@pytest.fixture
def client(butai: Butai) -> TestClient:
    return with_key(butai, PORT)


def over(ask: Callable[[], Any], busy: str) -> Any:
    deadline = time.monotonic() + WAIT_S
    while (found := ask())[busy]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def read(client: TestClient) -> Any:
    assert client.post("/api/v1/prices").status_code == 202
    return over(lambda: client.get("/api/v1/prices").json(), "reading")


def look(client: TestClient) -> Any:
    path = "/api/v1/inventory/infra/coverage"
    assert client.post(path).status_code == 202
    return over(lambda: client.get(path).json(), "looking")


def costs(found: Any) -> dict[str, tuple[str, str | None]]:
    kept = {"aws_elasticache_cluster", "aws_nat_gateway", "aws_sqs_queue", "aws_vpc"}
    shown = {each["name"] if each["kind"].endswith("cluster") else each["kind"]: each for each in found["unmanaged"]}
    return {name: (each["cost"]["paid"], each["cost_month"]) for name, each in shown.items() if each["kind"] in kept}


def test_unmanaged_things_have_a_figure_when_prices_are_read_and_their_sum(client: TestClient) -> None:
    before = look(client)
    assert costs(before) == {
        "calls": ("unpriced", None),
        "big": ("unpriced", None),
        "aws_nat_gateway": ("unpriced", None),
        "aws_sqs_queue": ("by-use", None),
        "aws_vpc": ("free", "0.00"),
    }
    assert before["cost"]["month"] == "0.00" and before["cost"]["unpriced"] == 3
    kept = read(client)
    assert {each["service"] for each in kept["kept"]} >= {"AmazonElastiCache", "AmazonEC2", "AmazonRoute53"}
    assert kept["failure"] is None and kept["unread"] == []
    found = client.get("/api/v1/inventory/infra/coverage").json()
    # 0.025 x 730 and 0.062 x 730, without another look.
    assert costs(found)["calls"] == ("monthly", "18.25") and costs(found)["aws_nat_gateway"] == ("monthly", "45.26")
    assert costs(found)["big"] == ("unpriced", None), "the Price List has no such node"
    assert (found["cost"]["month"], found["cost"]["unpriced"]) == ("63.51", 1)
    assert found["cost"]["read_at"] == min(each["read_at"] for each in kept["kept"])
    [gateway] = [each for each in found["unmanaged"] if each["kind"] == "aws_nat_gateway"]
    [line] = gateway["cost"]["lines"]
    assert gateway["cost"]["by_use"] and (line["usage"], line["hours"], line["number"]) == (
        "NatGateway-Hours",
        730,
        "1",
    )
    assert line["sku"] and line["published_at"] == "2026-11-20T10:00:00Z"


def test_what_the_code_says_has_a_figure_on_the_map(butai: Butai, client: TestClient) -> None:
    free = {".:aws_ecs_task_definition.web": 0}
    assert butai.inventory.map("infra", View(colour=Colour.COST)).figures == free
    read(client)
    figures = butai.inventory.map("infra", View(colour=Colour.COST)).figures
    # 2 x (0.5 x 0.05056 + 1 x 0.00553) x 730 and 2 x 45.26.
    assert {name: round(each or 0, 2) for name, each in figures.items()} == {
        ".:aws_nat_gateway.out": 90.52,
        ".:aws_ecs_service.web": 44.98,
        **free,
    }
    told = {each["id"]: each for each in client.get("/api/v1/inventory/infra/costs").json()}
    assert told[".:aws_elasticache_cluster.other"]["cost"]["paid"] == "unknown"
    assert told[".:aws_ecs_service.web"]["region"] == REGION


def test_only_what_was_read_is_replaced_and_a_failure_is_told(listed: PriceList, client: TestClient) -> None:
    first = read(client)
    listed.documents = [cache("APN1-NodeUsage", "0.0500")]
    listed.refused = {"AmazonEC2"}
    second = read(client)
    assert [each["service"] for each in second["unread"]] == ["AmazonEC2"]
    assert "pricing:GetProducts" in second["unread"][0]["why"]
    by_service = {each["service"]: each for each in second["kept"]}
    assert set(by_service) == {"AmazonEC2", "AmazonElastiCache"}, "what the list has no more is gone"
    [before] = [each for each in first["kept"] if each["service"] == "AmazonEC2"]
    assert by_service["AmazonEC2"] == before and by_service["AmazonElastiCache"]["count"] == 1
    listed.refused, before = {"AmazonRoute53"}, len(listed.asked)
    failed = read(client)["failure"]
    assert "pricing:GetProducts" in failed["why"] and len(listed.asked) == before + 1, "nothing else is asked then"
    listed.documents, listed.refused = [], set()
    assert read(client)["failure"]["what"] == "The Price List told no price."
    assert client.get("/api/v1/prices").json()["kept"] == second["kept"]
    assert client.post("/api/v1/prices", json={"regions": ["evil.example"]}).status_code == 422


def test_every_page_is_read_and_nothing_but_what_is_meant(listed: PriceList) -> None:
    found = read_prices(session_for(Access(REGION)), [REGION], NOW)
    amounts = {(each.rate.usage, each.rate.variant): str(each.amount) for each in found.prices}
    assert amounts == {
        ("NodeUsage:cache.t4g.micro", "Redis"): "0.0250",
        ("NodeUsage:cache.t4g.micro", "Valkey"): "0.0200",
        ("NatGateway-Hours", ""): "0.0620",
        ("Fargate-vCPU-Hours:perCPU", ""): "0.05056",
        ("Fargate-GB-Hours", ""): "0.00553",
        ("PublicIPv4:InUseAddress", ""): "0.0050",
        ("LoadBalancerUsage", "LoadBalancing:Application"): "0.0243",
        ("KMS-Keys", ""): "1.0000",
        ("HostedZone", ""): "0.5000",
    }
    assert {each.region for each in found.prices if each.rate.service == "AmazonRoute53"} == {""}
    assert any("NextToken" in each for each in listed.asked)


def test_the_command_line_reads_takes_a_file_and_shows(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in (prices_commands, coverage_commands):
        monkeypatch.setattr(module, "api", lambda: Api(client))

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["inventory", *arguments])
        assert done.exit_code == code, done.output
        return f"{done.output}{done.exception or ''}"

    assert "No price is kept." in run("prices")
    file = tmp_path / "offer.json"
    file.write_text(json.dumps(offer("AmazonElastiCache", TOKYO)))
    assert "AmazonElastiCache\t2\t" in run("prices", "--file", str(file))
    shown = run("prices", "--service", "AmazonElastiCache", "--region", REGION)
    assert "NodeUsage:cache.t4g.micro\tRedis\t0.0250\tHrs" in shown and "2026-11-20" in shown
    assert "AmazonECS" in run("prices", "--read")
    run("coverage", "infra")
    unmanaged = run("coverage", "infra", "--last", "--sort", "cost")
    assert "63.51 USD a month for" in unmanaged and "NatGateway-Hours 0.062 x 730 h x 1, read 20" in unmanaged
    assert unmanaged.index("45.26 + use") < unmanaged.index("18.25") < unmanaged.index("\tby use\t")
    assert "90.52 + use" in run("costs", "infra")
    file.write_text("{}")
    assert "publicationDate" in run("prices", "--file", str(file), code=1)
    file.write_text('{"offerCode": "AmazonECS", "products": {"A": ')
    assert "cannot be read as an offer" in run("prices", "--file", str(file), code=1)
    run("coverage", "infra", "--last", "--sort", "age", code=1)
    run("prices", "--read", "--file", str(file), code=1)
