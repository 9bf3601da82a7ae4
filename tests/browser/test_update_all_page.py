"""Update all: the form, all plans as one, one first and then the others with no page open, and what was left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from butai.environments.store import Environment
from butai.runs.model import RunEnd, RunKind, Step
from butai.runs.service import RunView
from butai.runs.store import RunEvent, next_seq
from support.looks import LANGUAGES, looks
from support.portal import Portal, Visit
from support.rows import NOW
from support.threads import in_background
from support.variants import again

Open = Callable[[BrowserContext], Page]
Shot = Callable[[Page, str], None]
SOON_MS = 15_000
DANGER = "aws_elasticache_replication_group.main"


@pytest.fixture
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    portal = Portal(tmp_path_factory.mktemp("all"))
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


def add(portal: Portal, name: str, *, running: bool = False) -> int:
    """An environment on the blueprint's first commit that answers."""
    commit = portal.team.infra.git("rev-list", "--max-parents=0", "main")
    environment = portal.add_environment(name, commit=commit, health="ready", engine_version="1.0.0")
    portal.add_run(environment, running=running)
    return environment


def newest(portal: Portal, environment: int, kind: RunKind) -> RunView:
    return next(each for each in portal.butai.runs.of_environment(environment) if each.kind is kind)


def planned(portal: Portal, environment: int, *actions: tuple[str, str]) -> None:
    """The plan is over, and would do this."""
    run = newest(portal, environment, RunKind.DRIFT_CHECK).id
    with portal.butai.database.session() as session:
        for address, action in actions:
            seq = next_seq(session, run)
            event = RunEvent(run_id=run, seq=seq, source="plan", line=seq, at=NOW, step=Step.PLAN, kind="planned")
            event.address, event.action, event.message, event.detail = address, action, "", {}
            session.add(event)
            session.flush()
    portal.end(run)


def updated(portal: Portal, environment: int, end: RunEnd = RunEnd.SUCCEEDED) -> None:
    run = newest(portal, environment, RunKind.UPDATE)
    with portal.butai.database.session() as session:
        row = session.get_one(Environment, environment)
        row.commit, row.health = run.params["commit"], "ready"
    portal.end(run.id, end)


@contextmanager
def worker(portal: Portal) -> Iterator[None]:
    """What a worker does with rollouts, while the block runs."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.2):
            portal.butai.rollouts.step_all()

    with in_background(work):
        try:
            yield
        finally:
            stop.set()


def ask(portal: Portal, page: Page) -> None:
    """From the list to the plans."""
    page.goto(f"{portal.url}/environments")
    page.get_by_role("link", name="Update all").click()
    expect(page.get_by_label("Bring to")).to_have_value("main")
    page.get_by_role("button", name="Plan all of them").click()
    expect(page.locator("#rollout")).to_contain_text("Planning: nothing changes yet.")


def test_one_first_then_the_others_by_itself(portal: Portal, visit: Visit, shot: Shot) -> None:
    one, two, three, busy = (
        add(portal, "qa-1"),
        add(portal, "qa-2"),
        add(portal, "qa-3"),
        add(portal, "qa-4", running=True),
    )
    portal.team.infra.commit({"words.md": "words"}, "Words for everybody")
    page = visit(portal)
    ask(portal, page)
    shot(page, "all-planning")
    for environment in (one, two, three):
        planned(portal, environment, ("aws_sqs_queue.calls", "create"), (DANGER, "replace"))
    button = page.get_by_role("button", name="Update 3 environments")
    expect(button).to_be_visible(timeout=SOON_MS)
    expect(page.locator(f"#line-{one}")).to_contain_text("1 to create, 1 to replace")
    expect(page.locator(f"#line-{one}")).to_contain_text(f"destroys or makes anew: {DANGER}")
    expect(page.locator(f"#line-{busy}")).to_contain_text("Left for later")
    expect(page.locator(f"#line-{busy}")).to_contain_text("is not over (creating)")
    shot(page, "all-asked")
    page.get_by_label("At a time").fill("2")
    button.click()
    expect(page.locator(f"#line-{one} .state")).to_have_text("Updating")
    expect(page.locator(f"#line-{two} .state")).to_have_text("Waits")
    assert len(portal.butai.runs.of_environment(two)) == 2, "one first"
    shot(page, "all-first")
    address = page.url
    page.goto(f"{portal.url}/environments")
    with worker(portal):
        updated(portal, one)
        other = visit(portal)
        other.goto(f"{portal.url}/environments/update-all")
        other.get_by_role("link", name="tiny to main").click()
        assert other.url == address, "whoever looks sees the same"
        expect(other.locator(f"#line-{two} .state")).to_have_text("Updating", timeout=SOON_MS)
        page.goto(address)
        expect(page.locator(f"#line-{three} .state")).to_have_text("Updating")
        expect(page.locator(f"#line-{one} .state")).to_have_text("Updated")
        for environment in (two, three):
            updated(portal, environment)
        expect(page.locator("#rollout")).to_contain_text("It is over: 3 updated.", timeout=SOON_MS)
        other.context.close()
    assert [len(portal.butai.runs.of_environment(each)) for each in (one, two, three, busy)] == [3, 3, 3, 1]
    shot(page, "all-over")


@again
def test_it_can_be_stopped_and_a_failure_ends_it(portal: Portal, visit: Visit, shot: Shot) -> None:
    one, two, three = add(portal, "qa-1"), add(portal, "qa-2"), add(portal, "qa-3")
    portal.team.infra.commit({"words.md": "words"}, "Words for everybody")
    page = visit(portal)
    ask(portal, page)
    for environment in (one, two, three):
        planned(portal, environment, ("aws_sqs_queue.calls", "create"))
    page.get_by_label("At a time").fill("1")
    page.get_by_role("button", name="Update 3 environments").click()
    with worker(portal):
        page.get_by_role("button", name="Stop after this wave").click()
        said = page.locator("#rollout")
        expect(said).to_contain_text("stopped it: no further wave is begun. What was begun goes on.")
        updated(portal, one)
        expect(said).to_contain_text("1 updated, 2 wait.", timeout=SOON_MS)
        page.wait_for_timeout(1000)
        assert len(portal.butai.runs.of_environment(two)) == 2, "nothing is begun by itself"
        shot(page, "all-held")
        page.get_by_role("button", name="Go on").click()
        expect(page.locator(f"#line-{two} .state")).to_have_text("Updating")
        updated(portal, two, RunEnd.PARTIALLY_APPLIED)
        expect(said).to_contain_text("One failed: nothing more was begun.", timeout=SOON_MS)
        expect(page.locator(f"#line-{three}")).to_contain_text("one before it failed")
        page.wait_for_timeout(1000)
        assert len(portal.butai.runs.of_environment(three)) == 2
    shot(page, "all-stopped")


def test_a_ref_that_is_not_there_is_said_in_the_form(portal: Portal, visit: Visit) -> None:
    add(portal, "qa-1")
    page = visit(portal)
    page.goto(f"{portal.url}/environments/update-all")
    page.get_by_label("Bring to").fill("nowhere")
    page.get_by_role("button", name="Plan all of them").click()
    expect(page.get_by_role("alert")).to_contain_text("nowhere")
    expect(page.get_by_label("Bring to")).to_have_value("nowhere")
    assert page.goto(f"{portal.url}/environments/rollouts/7").status == 404  # type: ignore[union-attr]


def test_it_fits_in_every_look(portal: Portal, visit: Visit, shot: Shot) -> None:
    one, two = add(portal, "a-longer-name-of-one"), add(portal, "qa-2")
    portal.team.infra.commit({"words.md": "words"}, "Words for everybody")
    page = visit(portal)
    ask(portal, page)
    for environment in (one, two):
        planned(portal, environment, ("aws_sqs_queue.calls", "create"), (f"module.cache[0].{DANGER}[0]", "replace"))
    expect(page.get_by_role("button", name="Update 2 environments")).to_be_visible(timeout=SOON_MS)
    address = page.url
    for language in LANGUAGES:
        page = visit(portal, locale=language)
        for name, where in (("form", f"{portal.url}/environments/update-all"), ("plans", address)):
            page.goto(where)
            for look in looks(page):
                shot(page, f"all-{name}-{language}-{look}")
