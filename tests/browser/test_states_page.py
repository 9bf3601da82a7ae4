"""The page of states beside their code: one is told of with its root, drift is looked for, stopped and found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from butai.environments.store import Environment
from butai.runs.model import Step
from butai.runs.store import Run
from support.looks import LANGUAGES, looks
from support.portal import Portal, Visit
from support.repository import WorkingTree
from support.rows import NOW, claim_run

LIVE = 'resource "aws_sqs_queue" "calls" {}\nresource "aws_sqs_queue" "letters" {}\n'
MISSING = "s3://team-states/live/network"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A server whose team has an environment, and a root that nobody makes environments from."""
    folder = tmp_path_factory.mktemp("states")
    portal = Portal(folder)
    WorkingTree(portal.team.infra.path).commit({"live/main.tf": LIVE})
    portal.butai.blueprints.fetch_all(0)
    number = portal.add_environment("qa-1")
    portal.add_run(number, running=False)
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


def state(*names: str) -> str:
    held = [
        {
            "mode": "managed",
            "type": "aws_sqs_queue",
            "name": name,
            "provider": "",
            "instances": [{"attributes": {"id": name, "arn": f"arn:aws:sqs:eu-west-1:123456789012:{name}"}}],
        }
        for name in names
    ]
    return json.dumps({"version": 4, "serial": 1, "lineage": "l", "resources": held})


def drifted(portal: Portal, run: int) -> None:
    """A worker has carried a check out, and this is what it found."""
    with portal.butai.database.session() as session:
        row = session.get_one(Environment, session.get_one(Run, run).environment_id)
        tag = {"path": "tags.By", "before": '"hand"', "after": "null", "forces": False}
        item = {"address": "aws_sqs_queue.calls", "action": "", "outside": "update", "attributes": [tag], "more": 0}
        age = {"path": "message_age", "before": "2", "after": "1", "forces": False, "in_code": False}
        apart = {**item, "address": "aws_sqs_queue.apart", "attributes": [age], "in_code": False}
        row.drift = {"run": run, "at": NOW.isoformat(), "count": 1, "items": [item, apart]}
    portal.end(run)


def test_somebody_tells_of_a_state_and_looks_for_its_drift(portal: Portal, visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "live.tfstate"
    file.write_text(state("calls", "by-hand"))
    page = visit(portal)
    page.goto(f"{portal.url}/inventory/infra")
    page.get_by_role("link", name="In states").click()
    page.get_by_label("Root").select_option("live")
    page.get_by_role("button", name="Add a state").click()
    expect(page.get_by_role("alert")).to_contain_text("does not say in code where its state lies")
    expect(page.get_by_label("Root")).to_have_value("live")
    page.get_by_label("Where it lies").fill(str(file))
    page.get_by_role("button", name="Add a state").click()

    told = page.locator(".standing", has_text=str(file))
    expect(told).to_contain_text("eu-west-1")
    told.get_by_text("An update would destroy it: 1").click()
    expect(told).to_contain_text("aws_sqs_queue.by-hand")
    told.get_by_role("button", name="Look for drift").click()
    expect(told).to_contain_text("Waits for its turn")
    told.get_by_role("button", name="Stop").click()
    expect(told).to_contain_text("The last check was stopped")

    told.get_by_role("button", name="Look for drift").click()
    expect(told).to_contain_text("Waits for its turn")
    with portal.butai.database.reading() as session:
        run = session.scalars(select(Run.id).order_by(Run.id.desc())).first() or 0
    claim_run(portal.butai.database, run)
    with portal.butai.database.session() as session:
        row = session.get_one(Run, run)
        assert row.params["root"]["folder"] == "live"
    portal.say(run, "aws_sqs_queue.calls: Refreshing state...", step=Step.PLAN, kind="refresh")
    expect(told).to_contain_text("Looking for drift", timeout=10_000)
    drifted(portal, run)
    expect(told).to_contain_text("changed outside: tags.By", timeout=10_000)
    expect(told.get_by_text("aws_sqs_queue.apart")).to_be_hidden()
    told.get_by_text("Only in what the code does not set: 1").click()
    expect(told.get_by_text("aws_sqs_queue.apart")).to_be_visible()
    told.get_by_role("link", name="aws_sqs_queue.calls").click()
    expect(page.locator("#map-node, svg").first).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_in_every_look(
    portal: Portal, visit: Visit, shot: Callable[[Page, str], None], tmp_path: Path, language: str
) -> None:
    file = tmp_path / f"{language}.tfstate"
    file.write_text(state("calls", "by-hand"))
    page = visit(portal, locale=language)
    address = f"{portal.url}/inventory/infra/environments"
    page.goto(address)
    for root, place in (("live", str(file)), ("", str(tmp_path / "no.tfstate"))):
        page.locator("#root").select_option(root)
        page.locator("#place").fill(place)
        page.locator("#add button").click()
        expect(page.locator("#states")).to_contain_text(place)
    asked = portal.butai.root_drift.check("infra", str(file), by="mika")
    drifted(portal, asked.id)
    page.goto(address)
    expect(page.locator(".standing", has_text=str(file))).to_contain_text("tags.By")
    for each in page.locator(".standing details summary").all():
        each.click()
    page.locator("#add summary").click()
    for look in looks(page):
        shot(page, f"states-{look}-{language}")
