"""Pages that somebody leaves open: they notice what others do, and tell how it ends, without touching what is typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from butai.environments.store import Environment
from butai.runs.model import RunEnd, RunKind
from butai.runs.store import Run
from support.portal import Portal, Visit
from support.variants import again

SOON_MS = 10_000
Open = Callable[[BrowserContext], Page]


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A server with two blueprints of one root."""
    portal = Portal(tmp_path_factory.mktemp("watching"))
    portal.butai.blueprints.add(str(portal.team.infra.path), root="staging", name="second")
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


@pytest.fixture
def page(portal: Portal, visit: Visit) -> Page:
    return visit(portal)


def idle(portal: Portal, name: str) -> int:
    """An environment whose first run has ended; its id."""
    environment = portal.add_environment(name)
    portal.say(portal.add_run(environment, running=False), *[f"line {number}" for number in range(1, 61)])
    return environment


def update(portal: Portal, environment: int) -> int:
    """Somebody else begins an update; its run."""
    run = portal.add_run(environment)
    with portal.butai.database.session() as session:
        session.get_one(Run, run).kind = RunKind.UPDATE
    portal.say(run, "from elsewhere")
    return run


def set_health(portal: Portal, environment: int, health: str) -> None:
    with portal.butai.database.session() as session:
        session.get_one(Environment, environment).health = health


# --- a run that somebody else started --------------------------------------------------------------------------------


def test_an_idle_page_shows_a_run_that_began_elsewhere(portal: Portal, page: Page) -> None:
    environment = idle(portal, "quiet")
    page.goto(f"{portal.url}/environments/tiny/quiet")
    field = page.get_by_label("Type quiet to confirm")
    field.type("qui")
    page.locator("#services").scroll_into_view_if_needed()
    page.mouse.wheel(0, 300)
    page.wait_for_timeout(200)
    stood = page.locator("#services").evaluate("e => e.getBoundingClientRect().top")
    run = update(portal, environment)
    expect(page.locator("#headline .state")).to_have_text("Updating", timeout=SOON_MS)
    expect(page.locator(f"#run-{run} .log")).to_contain_text("from elsewhere")
    expect(page.locator("#history tr")).to_have_count(2)
    expect(page.locator("#history [aria-current]")).to_contain_text(f"Run {run}")
    expect(field).to_have_value("qui")
    expect(field).to_be_focused()
    assert abs(page.locator("#services").evaluate("e => e.getBoundingClientRect().top") - stood) < 2
    # It is followed like one that the page was opened for.
    portal.say(run, "a line more")
    expect(page.locator(f"#run-{run} .log")).to_contain_text("a line more")
    portal.end(run)
    expect(page.locator("#headline .state")).not_to_have_text("Updating", timeout=SOON_MS)


def test_whoever_reads_a_log_keeps_it_and_is_offered_the_newest(portal: Portal, page: Page) -> None:
    environment = idle(portal, "read")
    page.goto(f"{portal.url}/environments/tiny/read")
    log = page.locator(".log")
    log.evaluate("e => { e.scrollTop = 120; }")
    run = update(portal, environment)
    newest = page.get_by_role("link", name="To the newest run")
    expect(newest).to_be_visible(timeout=SOON_MS)
    expect(log).to_contain_text("line 60")
    assert log.evaluate("e => e.scrollTop") == 120
    expect(page.locator("#headline").get_by_role("button", name="Stop")).to_be_visible()
    newest.click()
    expect(page.locator(f"#run-{run}")).to_be_visible()
    portal.end(run)


@again
def test_an_older_run_that_was_asked_for_stays(portal: Portal, page: Page) -> None:
    environment = idle(portal, "asked")
    older = portal.butai.runs.of_environment(environment)[0].id
    page.goto(f"{portal.url}/environments/tiny/asked?run={older}")
    run = update(portal, environment)
    expect(page.locator("#headline .state")).to_have_text("Updating", timeout=SOON_MS)
    expect(page.get_by_role("link", name="To the newest run")).to_be_visible()
    expect(page.locator(f"#run-{older}")).to_be_visible()
    expect(page.locator("#headline")).to_contain_text(f"Under way: the log of run {run} shows each step.")
    page.locator("#headline").get_by_role("link", name=f"the log of run {run}").click()
    expect(page.locator(f"#run-{run}")).to_be_visible()
    page.go_back()
    expect(page.locator(f"#run-{older}")).to_be_visible()
    portal.end(run)
    expect(page.locator("#headline .state")).not_to_have_text("Updating", timeout=SOON_MS)
    expect(page.locator("#history tr").first).to_contain_text("Succeeded")


def test_a_run_queued_behind_another_waits_for_its_end_in_the_page(portal: Portal, page: Page) -> None:
    environment = idle(portal, "behind")
    first = update(portal, environment)
    page.goto(f"{portal.url}/environments/tiny/behind")
    second = update(portal, environment)
    expect(page.locator("#history tr")).to_have_count(3, timeout=SOON_MS)
    portal.say(first, "still followed")
    expect(page.locator(f"#run-{first} .log")).to_contain_text("still followed")
    portal.end(first)
    expect(page.locator(f"#run-{second} .log")).to_contain_text("from elsewhere", timeout=SOON_MS)
    portal.end(second)


def test_a_page_of_something_that_is_gone_asks_no_more(portal: Portal, page: Page) -> None:
    environment = idle(portal, "gone")
    page.goto(f"{portal.url}/environments/tiny/gone")
    with portal.butai.database.session() as session:
        session.get_one(Environment, environment).destroyed_at = session.get_one(Environment, environment).created_at
    expect(page.locator("#headline .state")).to_have_text("Destroyed", timeout=SOON_MS)
    expect(page.locator("#destroy")).to_have_count(0)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(4000)
    assert asked == []
    older = portal.butai.runs.of_environment(environment)[0].id
    page.locator("#history").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(rf"/gone\?run={older}"))


# --- how far it is, and how it ends ----------------------------------------------------------------------------------


def test_what_failed_is_said_beside_the_bar(portal: Portal, page: Page) -> None:
    run = portal.add_run(portal.add_environment("failing"))
    page.goto(f"{portal.url}/environments/tiny/failing")
    failed = page.locator('[data-run="failed"]')
    expect(failed).to_be_hidden()
    portal.count(run, done=3, failed=2)
    expect(failed).to_have_text("2 failed")
    expect(failed.locator("svg")).to_be_visible()
    expect(page.locator("progress.bar.bad")).to_be_visible()
    portal.end(run, RunEnd.PARTIALLY_APPLIED)
    page.reload()
    expect(failed).to_have_text("2 failed")
    expect(page.locator("progress.bar.bad")).to_be_visible()


def test_the_tab_says_how_it_stands(portal: Portal, page: Page) -> None:
    environment = portal.add_environment("tab")
    run = portal.add_run(environment)
    page.goto(f"{portal.url}/environments/tiny/tab")
    portal.count(run, planned=34, done=12)
    expect(page).to_have_title("● tab creating 12/34 · Butai")
    set_health(portal, environment, "ready")
    portal.end(run)
    expect(page).to_have_title("✓ tab up · Butai", timeout=SOON_MS)
    broken = update(portal, environment)
    expect(page).to_have_title("● tab updating 0/7 · Butai", timeout=SOON_MS)
    portal.end(broken, RunEnd.PARTIALLY_APPLIED)
    expect(page).to_have_title("✗ tab partly applied · Butai", timeout=SOON_MS)
    page.get_by_role("button", name="日本語").click()
    expect(page).to_have_title("✗ tab 一部のみ適用 · Butai")


# --- a message at the end --------------------------------------------------------------------------------------------

# What the browser would do: a question with an answer given beforehand, and messages that are only kept.
_BROWSER = """
  window.asked = 0;
  window.messages = [];
  window.Notification = class extends EventTarget {
    static permission = 'default';
    static async requestPermission() { window.asked += 1; return (this.permission = 'ANSWER'); }
    constructor(title, options) { super(); window.messages.push([title, options.body]); }
    close() {}
  };
  Object.defineProperty(document, 'hidden', { get: () => window.elsewhere ?? false });
"""


def with_messages(page: Page, answer: str) -> None:
    page.add_init_script(_BROWSER.replace("ANSWER", answer))


def test_whoever_asks_for_it_is_told_at_the_end(portal: Portal, page: Page) -> None:
    environment = portal.add_environment("tell")
    run = portal.add_run(environment)
    with_messages(page, "granted")
    page.goto(f"{portal.url}/environments/tiny/tell")
    assert page.evaluate("asked") == 0
    page.get_by_role("button", name="Tell me when it ends").click()
    expect(page.get_by_role("button", name="You will be told")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("asked") == 1
    page.evaluate("window.elsewhere = true")
    set_health(portal, environment, "ready")
    portal.end(run)
    page.wait_for_function("() => messages.length", timeout=SOON_MS)
    assert page.evaluate("messages") == [["✓ tell up", f"Run {run} · create"]]
    expect(page.locator("[data-tell]")).to_have_count(0)


def test_nobody_is_told_who_looks_or_took_it_back(portal: Portal, page: Page) -> None:
    environment = portal.add_environment("look")
    run = portal.add_run(environment)
    with_messages(page, "granted")
    page.goto(f"{portal.url}/environments/tiny/look")
    page.get_by_role("button", name="Tell me when it ends").click()
    portal.end(run)
    expect(page.locator("[data-tell]")).to_have_count(0, timeout=SOON_MS)
    second = update(portal, environment)
    tell = page.get_by_role("button", name="Tell me when it ends")
    expect(tell).to_be_visible(timeout=SOON_MS)
    tell.click()
    page.get_by_role("button", name="You will be told").click()
    page.evaluate("window.elsewhere = true")
    portal.end(second)
    expect(page.locator("[data-tell]")).to_have_count(0, timeout=SOON_MS)
    assert page.evaluate("messages") == []


def test_a_browser_that_refuses_is_said_so(portal: Portal, page: Page) -> None:
    run = portal.add_run(portal.add_environment("refused"))
    with_messages(page, "denied")
    page.goto(f"{portal.url}/environments/tiny/refused")
    page.get_by_role("button", name="日本語").click()
    page.get_by_role("button", name="終わったら知らせる").click()
    expect(page.locator("[data-tell]")).to_have_text("ブラウザが許可していません")
    expect(page.locator("[data-tell]")).to_be_disabled()
    portal.end(run)


# --- lists and forms -------------------------------------------------------------------------------------------------


def test_counts_change_together_with_the_rows(portal: Portal, page: Page) -> None:
    idle(portal, "counted")
    page.goto(f"{portal.url}/environments")
    before = page.locator("#rows tr").count()
    room = page.get_by_role("navigation").get_by_role("link", name="Environments")
    expect(room).to_have_text(f"Environments{before}")
    run = portal.add_run(portal.add_environment("one-more"))
    expect(page.locator("#rows tr")).to_have_count(before + 1, timeout=SOON_MS)
    expect(page.locator(".chip").first).to_have_text(f"All {before + 1}")
    expect(page.locator(".count")).to_have_text(f"{before + 1} of {before + 1} shown")
    expect(room).to_have_text(f"Environments{before + 1}")
    busy = page.locator(".chip", has_text="In progress").locator("b")
    going_on = int(busy.inner_text())
    portal.end(run)
    expect(busy).to_have_text(str(going_on - 1), timeout=SOON_MS)


def test_another_blueprint_keeps_what_was_typed(portal: Portal, page: Page) -> None:
    page.goto(f"{portal.url}/environments/new")
    page.get_by_label("Name", exact=True).fill("blue-banner")
    page.get_by_label("Purpose").fill("A & B, 50 % 試験")
    page.get_by_label("Owner").fill("mika")
    other = {"tiny": "second", "second": "tiny"}[page.get_by_label("Blueprint").input_value()]
    page.get_by_label("Blueprint").select_option(other)
    expect(page.locator("aside dd").first).to_contain_text(other)
    expect(page.get_by_label("Blueprint")).to_be_focused()
    expect(page.get_by_label("Blueprint")).to_have_value(other)
    expect(page.get_by_label("Name", exact=True)).to_have_value("blue-banner")
    expect(page.get_by_label("Purpose")).to_have_value("A & B, 50 % 試験")
    expect(page.get_by_label("Owner")).to_have_value("mika")
    expect(page.locator("#command pre")).to_contain_text("butai env create blue-banner")


def test_what_changed_since_somebody_last_looked_is_told(
    portal: Portal, visit: Visit, shot: Callable[[Page, str], None]
) -> None:
    environment = idle(portal, "qa-since")
    page = visit(portal, locale="en-GB")
    page.goto(f"{portal.url}/environments/tiny/qa-since")
    expect(page.locator("#since")).to_be_empty()
    for _ in range(2):
        later = portal.add_run(environment, running=False)
        portal.end(later, RunEnd.SUCCEEDED)
    page.goto(f"{portal.url}/environments/tiny/qa-since")
    expect(page.locator("#since")).to_contain_text("Since you last looked")
    expect(page.locator("#since")).to_contain_text(f"Run {later}")
    expect(page.locator("#since li")).to_have_count(2)
    shot(page, "since")
    somebody_else = visit(portal, locale="ja-JP")
    somebody_else.goto(f"{portal.url}/environments/tiny/qa-since")
    expect(somebody_else.locator("#since")).to_be_empty()
