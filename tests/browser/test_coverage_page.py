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
from support.repository import WorkingTree

CODE = 'resource "aws_sqs_queue" "calls" {\n  name = "calls"\n}\n'
QUEUE = f"arn:aws:sqs:{REGION}:123456789012:calls"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A server beside an account with a queue and a few parameters."""
    folder = tmp_path_factory.mktemp("coverage")
    with running_moto(folder) as moto, pytest.MonkeyPatch.context() as patch:
        for name, value in moto.env().items():
            patch.setenv(name, value)
        moto.client("sqs").create_queue(QueueName="calls")
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
    expect(page.locator(".covered b")).to_have_text("0 %", timeout=30_000)
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


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_in_every_look(portal: Portal, visit: Visit, shot: Callable[[Page, str], None], language: str) -> None:
    if portal.butai.coverages.get("queues").at is None:
        portal.butai.coverages.look("queues")
    page = visit(portal, locale=language)
    page.goto(f"{portal.url}/inventory/queues/coverage")
    page.locator("[name=arn]").first.check(timeout=30_000)
    page.locator("#unmanaged button").click()
    expect(page.locator("#imports")).to_be_visible()
    for look in looks(page):
        shot(page, f"coverage-{look}-{language}")
