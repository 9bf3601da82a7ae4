"""The page asks before it stops, says what a stop meets, and offers what mends afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from butai.environments.store import Environment
from butai.runs.model import RunEnd, Step
from butai.runs.store import Run, RunEvent, next_seq
from support.looks import looks
from support.portal import Portal, Visit
from support.rows import NOW
from support.variants import again

Open = Callable[[BrowserContext], Page]
Shot = Callable[[Page, str], None]
REDIS, WEB = "aws_elasticache_cluster.redis", "aws_ecs_service.web"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    portal = Portal(tmp_path_factory.mktemp("stopping"))
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


def making(portal: Portal, name: str) -> int:
    """A run in mid-apply: one thing is being made, one changed."""
    run = portal.add_run(portal.add_environment(name))
    with portal.butai.database.session() as session:
        session.get_one(Run, run).begun = 2
        for address, action in ((REDIS, "create"), (WEB, "update")):
            seq = next_seq(session, run)
            event = RunEvent(run_id=run, seq=seq, source="apply", line=seq, at=NOW, step=Step.APPLY, kind="started")
            event.address, event.action, event.message = address, action, f"{address}: begins"
            event.detail = {"resource_type": address.partition(".")[0]}
            session.add(event)
            session.flush()
    return run


def leave(portal: Portal, name: str) -> int:
    """An environment whose last run was stopped, and an earlier one killed."""
    environment = portal.add_environment(name)
    run = portal.add_run(environment)
    portal.end(run, RunEnd.INTERRUPTED)
    with portal.butai.database.session() as session:
        row = session.get_one(Environment, environment)
        row.tainted = [
            {"address": REDIS, "type": "aws_elasticache_cluster", "id": "qa-1-redis", "complete": True},
            {"address": WEB, "type": "aws_ecs_service", "id": "arn:aws:ecs:x:1:service/c/web", "complete": False},
        ]
        group = {"type": "aws_cloudwatch_log_group", "run": 1, "found": ""}
        row.orphans = [
            {"address": "aws_cloudwatch_log_group.web", "id": "/tiny/qa-1/web", **group},
            {"address": "module.net.aws_security_group.redis[0]", "id": "", **group, "found": "sg-0123456789"},
            {"address": "aws_ssm_parameter.config", "id": "", **group},
        ]
    return environment


def test_stop_asks_first_and_says_what_ends_tainted(portal: Portal, visit: Visit, shot: Shot) -> None:
    run, page = making(portal, "qa-1"), visit(portal)
    page.goto(f"{portal.url}/environments/tiny/qa-1")
    page.locator("#headline").get_by_role("button", name="Stop").click()
    question = page.locator("#stop")
    expect(question.locator("tbody tr").first).to_contain_text(REDIS)
    expect(question.locator("tbody tr").first).to_contain_text("tainted")
    expect(question.locator("tbody tr").last).to_contain_text("the next apply finishes it")
    assert portal.butai.runs.get(run).cancel_requested is False, "asking stops nothing"
    shot(page, "stop-asks")
    question.get_by_role("button", name="Stop the run").click()
    expect(page.locator("#headline").get_by_role("button", name="Stopping")).to_be_disabled()
    assert portal.butai.runs.get(run).cancel_requested and not portal.butai.runs.get(run).kill_requested

    page.locator("#headline").get_by_role("button", name="Stop hard").click()
    page.locator("#stop-confirm").fill("qa-2")
    page.locator("#stop").get_by_role("button", name="Stop hard").click()
    expect(page.locator("#stop").get_by_role("alert")).to_contain_text("That was another name")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.locator("#stop-confirm")).to_be_focused()
    shot(page, "stop-hard")
    page.locator("#stop-confirm").fill("qa-1")
    page.locator("#stop").get_by_role("button", name="Stop hard").click()
    expect(page.locator("#headline").get_by_role("button", name="Stop hard")).to_have_count(0)
    assert portal.butai.runs.get(run).kill_requested
    portal.end(run, RunEnd.INTERRUPTED)


@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
def test_what_was_left_is_shown_in_every_look(portal: Portal, visit: Visit, shot: Shot, locale: str) -> None:
    name = f"look-{locale[:2]}"
    leave(portal, name)
    run = making(portal, f"s{name}")
    page = visit(portal, locale=locale)
    page.goto(f"{portal.url}/environments/tiny/{name}")
    expect(page.locator("#tainted .items > li")).to_have_count(2)
    expect(page.locator("#orphans .items > li")).to_have_count(3)
    page.locator("#orphans summary").last.click()
    for look in looks(page):
        shot(page, f"mend-{locale}-{look}")
    page.goto(f"{portal.url}/environments/tiny/s{name}?stop=1")
    expect(page.locator("#stop tbody tr")).to_have_count(2)
    for look in looks(page):
        shot(page, f"stop-{locale}-{look}")
    portal.end(run)


def test_an_orphan_is_forgotten_only_with_the_name(portal: Portal, visit: Visit) -> None:
    environment, page = leave(portal, "forget"), visit(portal)
    page.goto(f"{portal.url}/environments/tiny/forget")
    last = page.locator("#orphans .items > li").last
    last.locator("summary").click()
    last.locator("input[name=confirm]").fill("forget")
    last.get_by_role("button", name="I looked: it is not there").click()
    expect(page.locator("#orphans .items > li")).to_have_count(2)
    addresses = [each.address for each in portal.butai.environments.by_id(environment).orphans]
    assert "aws_ssm_parameter.config" not in addresses


@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=again)])
def test_a_wrong_name_is_said_at_its_field(portal: Portal, visit: Visit, shot: Shot, locale: str, width: int) -> None:
    name = f"wrong-{locale[:2]}{width}"
    environment = portal.add_environment(name)
    portal.end(portal.add_run(environment))
    page = visit(portal, locale=locale, viewport={"width": width, "height": 800})
    page.goto(f"{portal.url}/environments/tiny/{name}")
    page.locator("#confirm").fill("another")
    page.locator("#confirm").press("Enter")
    said = page.locator("#confirm-wrong")
    expect(said).to_contain_text(name)
    expect(said).to_be_in_viewport()
    expect(page.locator("#confirm")).to_be_focused()
    expect(page.locator("#confirm")).to_have_attribute("aria-describedby", "confirm-wrong")
    assert "--confirm" not in page.locator("main").inner_text()
    for look in looks(page):
        shot(page, f"wrong-name-{locale}-{width}-{look}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing stands out to the side"
    assert len(portal.butai.runs.of_environment(environment)) == 1
