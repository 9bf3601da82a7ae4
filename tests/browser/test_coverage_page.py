"""The page of what exists in an account: looked at, narrowed to a kind, import blocks taken, a state told of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from butai.inventory.views import AddRequest
from support.looks import LANGUAGES, looks
from support.moto_process import REGION, running_moto
from support.portal import Portal, Visit
from support.price_list import PriceList
from support.repository import WorkingTree

CODE = f"""
provider "aws" {{
  region = "{REGION}"
}}
resource "aws_sqs_queue" "calls" {{
  name = "calls"
}}
resource "aws_nat_gateway" "out" {{
  subnet_id = "subnet-1"
}}
"""
QUEUE = f"arn:aws:sqs:{REGION}:123456789012:calls"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A server beside an account with a queue, a few parameters and a cache, and a Price List (moto has none)."""
    folder = tmp_path_factory.mktemp("coverage")
    with running_moto(folder) as moto, PriceList() as listed, pytest.MonkeyPatch.context() as patch:
        for name, value in {**moto.env(), "AWS_ENDPOINT_URL_PRICING": listed.url}.items():
            patch.setenv(name, value)
        moto.client("sqs").create_queue(QueueName="calls")
        small = {"Engine": "redis", "CacheNodeType": "cache.t4g.micro", "NumCacheNodes": 1}
        moto.client("elasticache").create_cache_cluster(CacheClusterId="sessions", **small)
        for name in ("/staging/one", "/staging/two"):
            moto.client("ssm").put_parameter(Name=name, Value="v", Type="String")
        portal = Portal(folder)
        tree = WorkingTree(folder / "queues")
        tree.commit({"main.tf": CODE})
        portal.butai.inventory.add(AddRequest(repository=str(tree.path)))
        portal.start()
        yield portal
        portal.stop()
        portal.butai.database.close()


def test_somebody_looks_takes_blocks_and_tells_of_a_state(portal: Portal, visit: Visit, tmp_path: Path) -> None:
    page = visit(portal)
    page.goto(f"{portal.url}/inventory/queues")
    page.get_by_role("link", name="Coverage").click()
    page.get_by_role("button", name="Look at the accounts").click()
    expect(page.locator("section.covered b")).to_have_text("0 %", timeout=30_000)
    page.locator(".shares tr", has_text="aws_sqs_queue").get_by_role("link").click()
    expect(page.locator("#unmanaged tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Import blocks").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing is chosen.")
    page.get_by_label("calls").check()
    page.get_by_role("button", name="Import blocks").click()
    expect(page.locator("#imports pre").first).to_contain_text("to = aws_sqs_queue.calls_2")
    expect(page.locator("#imports pre").last).to_contain_text("butai inventory mend generated.tf")
    expect(page.get_by_label("calls")).to_be_checked()

    state = tmp_path / "queues.tfstate"
    held = {"mode": "managed", "type": "aws_sqs_queue", "name": "calls", "provider": ""}
    resources = [{**held, "instances": [{"attributes": {"id": "calls", "arn": QUEUE}}]}]
    state.write_text(json.dumps({"version": 4, "serial": 1, "lineage": "l", "resources": resources}))
    page.get_by_label("Where another state lies").fill(str(state))
    page.get_by_role("button", name="Add a state").click()
    expect(page.locator(".shares tr", has_text="aws_sqs_queue")).to_contain_text("100 %", timeout=30_000)
    expect(page.locator("#states")).to_contain_text("1 resource")


def test_somebody_reads_prices_and_sees_of_what_a_figure_is_made(portal: Portal, visit: Visit) -> None:
    page = visit(portal)
    page.goto(f"{portal.url}/inventory/queues/map?colour=cost")
    expect(page.locator("#map-bar")).to_contain_text("No prices are kept yet")
    expect(page.locator("#map-bar").get_by_role("button", name="Read prices")).to_be_visible()
    page.goto(f"{portal.url}/inventory/queues/coverage")
    if portal.butai.coverages.get("queues").at is None:
        page.get_by_role("button", name="Look at the accounts").click()
    expect(page.locator("#costs")).to_contain_text("No prices are kept yet.", timeout=30_000)
    page.get_by_role("button", name="Read prices").click()
    cache = page.locator("#unmanaged tbody tr", has_text="sessions")
    expect(cache).to_contain_text("$18.25", timeout=30_000)
    cache.locator("summary").click()
    expect(cache).to_contain_text("NodeUsage:cache.t4g.micro Redis $0.025 × 730 hours × 1")
    expect(page.locator("#costs b")).to_have_text("$18.25")
    page.get_by_role("link", name="A month").click()
    expect(page.locator("#unmanaged tbody tr").first).to_contain_text("sessions")
    page.goto(f"{portal.url}/inventory/queues/map?colour=cost&node=.:aws_nat_gateway.out")
    expect(page.locator(".legend")).to_contain_text("US dollars a month")
    expect(page.locator("#map-bar")).not_to_contain_text("No prices are kept yet")
    expect(page.locator("#map-node .facts")).to_contain_text("$45.26 + use")
    page.locator("#made-of summary").click()
    expect(page.locator("#made-of")).to_contain_text("NatGateway-Hours $0.062 × 730 hours × 1")
    expect(page.locator("#map-list .is-step-2")).not_to_have_count(0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_in_every_look(portal: Portal, visit: Visit, shot: Callable[[Page, str], None], language: str) -> None:
    if portal.butai.coverages.get("queues").at is None:
        portal.butai.coverages.look("queues")
    portal.butai.prices.read()
    page = visit(portal, locale=language)
    page.goto(f"{portal.url}/inventory/queues/coverage?sort=cost")
    page.locator("[name=arn]").first.check(timeout=30_000)
    page.locator("#unmanaged button").click()
    expect(page.locator("#imports")).to_be_visible()
    page.locator("#unmanaged summary").first.click()
    for look in looks(page):
        shot(page, f"coverage-{look}-{language}")
