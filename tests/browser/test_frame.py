"""The portal's frame in a real browser: the log that follows, the searchable branch, what happens when the server goes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from butai.runs.model import RunEnd, Step
from support.looks import LANGUAGES, looks
from support.portal import Portal, Visit

BRANCHES = [
    ("fix/4312-timeout", "Aya", "Redis answers late under load"),
    ("faster-menu", "Ken", "Menus are read once"),
    ("blue-banner", "Ken", "A banner for the trial"),
]
Open = Callable[[BrowserContext], Page]


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A server of this file's own: it is stopped and started in mid-test."""
    portal = Portal(tmp_path_factory.mktemp("portal"))
    for branch, author, subject in BRANCHES:
        portal.team.web.git("switch", "--quiet", "main")
        portal.team.web.branch(branch)
        portal.team.web.commit({"index.html": branch}, subject, author=author)
    long_run(portal, "stands")
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


@pytest.fixture
def context(portal: Portal, browser: Browser) -> Iterator[BrowserContext]:
    context = portal.signed_in(browser, viewport={"width": 1280, "height": 700})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page whose console may complain: the server goes away under it."""
    return context.new_page()


def long_run(portal: Portal, name: str) -> int:
    run = portal.add_run(portal.add_environment(name))
    portal.say(run, *[f"line {number}" for number in range(1, 61)])
    return run


def answer_late(route: Route) -> None:
    """A server that is busy."""
    time.sleep(1.0)
    route.continue_()


def scrolled(log: Locator) -> float:
    """How far the log is from its bottom, in pixels."""
    return float(log.evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight"))


# --- the log ---------------------------------------------------------------------------------------------------------


def test_the_log_follows_at_the_bottom_and_any_move_up_stops_it(portal: Portal, page: Page) -> None:
    run = long_run(portal, "follow")
    page.goto(f"{portal.url}/environments/tiny/follow")
    log, button = page.locator(".log"), page.locator(".follow button")
    expect(log).to_contain_text("line 60")
    portal.say(run, "line 61")
    expect(log).to_contain_text("line 61")
    assert scrolled(log) < 2
    expect(button).to_be_hidden()

    log.hover()
    page.mouse.wheel(0, -6)
    page.wait_for_function("(e) => e.scrollHeight - e.scrollTop - e.clientHeight > 2", arg=log.element_handle())
    stood = log.evaluate("e => e.scrollTop")
    portal.say(run, "line 62")
    expect(button).to_have_text("1 new line")
    portal.say(run, "line 63", "line 64")
    expect(button).to_have_text("3 new lines")
    assert log.evaluate("e => e.scrollTop") == stood

    button.click()
    expect(button).to_be_hidden()
    assert scrolled(log) < 2
    portal.say(run, "line 65")
    expect(log).to_contain_text("line 65")
    assert scrolled(log) < 2


def test_a_lost_connection_is_said_and_no_line_is_lost_or_doubled(portal: Portal, page: Page) -> None:
    run = long_run(portal, "lost")
    page.goto(f"{portal.url}/environments/tiny/lost")
    portal.say(run, "line 61")
    expect(page.locator(".log")).to_contain_text("line 61")
    with portal.away():
        expect(page.locator(".lost")).to_have_text("The connection is lost. Trying again.", timeout=15_000)
        portal.say(run, "line 62", "line 63")
    expect(page.locator(".log")).to_contain_text("line 63", timeout=20_000)
    expect(page.locator(".lost")).to_be_hidden()
    shown = page.locator(".log li > span").all_inner_texts()
    assert shown == [f"line {number}" for number in range(1, 64)]


def test_a_run_that_ends_shows_its_end_and_keeps_what_somebody_types(portal: Portal, page: Page) -> None:
    run = long_run(portal, "typing")
    page.goto(f"{portal.url}/environments/tiny/typing")
    expect(page).to_have_title(re.compile("● typing creating"))
    portal.say(run, "line 61")
    expect(page.locator(".log")).to_contain_text("line 61")
    field = page.get_by_label("Type typing to confirm")
    field.type("typ")
    portal.end(run)
    expect(page.locator("#headline .state")).not_to_have_text("Creating", timeout=15_000)
    page.wait_for_timeout(1500)
    expect(field).to_have_value("typ")
    expect(field).to_be_focused()
    expect(page).not_to_have_title(re.compile("creating"))


def test_steps_fold_as_they_go_and_a_failed_one_stays_open(portal: Portal, page: Page) -> None:
    run = portal.add_run(portal.add_environment("steps"))
    portal.say(run, "Exported", step=Step.EXPORT)
    page.goto(f"{portal.url}/environments/tiny/steps")
    steps = page.locator(".log details")
    portal.say(run, "Initialised", step=Step.INIT)
    portal.say(run, "No such zone", step=Step.APPLY, kind="diagnostic", severity="error")
    portal.say(run, "Left as it is", step=Step.READY)
    expect(steps).to_have_count(4)
    assert [each.get_attribute("open") is not None for each in steps.all()] == [False, False, True, True]
    assert [each.get_attribute("data-kind") for each in steps.all()] == ["up", "up", "down", "busy"]
    assert steps.locator("summary .t").all_inner_texts() == ["1", "1", "1", "1"]
    live = [each.inner_html() for each in steps.locator("summary").all()]

    # The end shows in the page that is open, and the page that is loaded afterwards looks the same.
    portal.end(run, RunEnd.PARTIALLY_APPLIED)
    expect(page.locator("#headline .state")).to_have_text("Partly applied", timeout=10_000)
    expect(page.locator("#headline").get_by_role("button", name="Run again")).to_be_visible()
    expect(page.locator("#history .state")).to_have_text("Partly applied")
    expect(page.get_by_role("combobox", name="Branch for web")).to_be_visible()
    ended = [each.inner_html() for each in steps.locator("summary").all()]
    assert ended[:3] == live[:3] and ended[3] != live[3]
    page.reload()
    assert [re.sub(r"\s+<", "<", each.inner_html()).strip() for each in steps.locator("summary").all()] == [
        each.strip() for each in ended
    ]


def test_a_live_line_looks_like_one_that_was_there(portal: Portal, page: Page) -> None:
    run = portal.add_run(portal.add_environment("alike"))
    evil = "<img src=x onerror=alert(1)> as `var.<b>name</b>` says, and a ` alone"
    portal.say(
        run, evil, kind="diagnostic", severity="error", file="redis.tf", line=4, detail="Not offered <b>here</b>: `x`."
    )
    page.goto(f"{portal.url}/environments/tiny/alike")
    expect(page.locator(".log li")).to_have_count(1)
    portal.say(
        run, evil, kind="diagnostic", severity="error", file="redis.tf", line=4, detail="Not offered <b>here</b>: `x`."
    )
    expect(page.locator(".log li")).to_have_count(2)
    before, live = (re.sub(r"L\d+", "L", row.evaluate("e => e.outerHTML")) for row in page.locator(".log li").all())
    assert before == live
    assert evil.replace("`var.<b>name</b>`", "var.<b>name</b>") in page.locator(".log li").last.inner_text()
    expect(page.locator(".log li").last.locator("code")).to_have_text(["var.<b>name</b>", "x"])


# --- pages that refresh themselves -----------------------------------------------------------------------------------


def test_a_list_whose_session_ended_stays_and_says_so(portal: Portal, context: BrowserContext, page: Page) -> None:
    portal.add_run(portal.add_environment("stays"))
    page.goto(f"{portal.url}/environments")
    rows = page.locator("#rows tr").count()
    assert rows
    context.clear_cookies()
    expect(page.locator("#said")).to_contain_text("not signed in", timeout=10_000)
    assert page.locator("#rows tr").count() == rows
    assert page.locator("h1").all_inner_texts() == ["Environments"]


def test_a_list_whose_server_went_says_so_until_it_is_back(portal: Portal, page: Page) -> None:
    page.goto(f"{portal.url}/environments")
    rows = page.locator("#rows tr").count()
    with portal.away():
        expect(page.locator("#said")).to_contain_text("connection is lost", timeout=10_000)
        assert page.locator("#rows tr").count() == rows
    expect(page.locator("#said")).to_be_hidden(timeout=10_000)


def test_a_refresh_keeps_focus_and_filter(portal: Portal, page: Page) -> None:
    page.goto(f"{portal.url}/environments?q=stands")
    name = page.get_by_role("link", name="stands", exact=True)
    name.focus()
    with page.expect_response(lambda answer: "part=glance" in answer.url):
        pass
    page.wait_for_timeout(200)
    expect(name).to_be_focused()
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page.locator("[data-jump]")).to_have_value("stands")


# --- the branch picker -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "branch"),
    [
        ("banner", "blue-banner"),
        ("aya", "fix/4312-timeout"),
        ("read once", "faster-menu"),
        ("4312", "fix/4312-timeout"),
    ],
)
def test_a_branch_is_found_by_name_author_and_message(portal: Portal, page: Page, words: str, branch: str) -> None:
    page.goto(f"{portal.url}/environments/new")
    web = page.get_by_role("combobox", name="web")
    web.click()
    web.fill(words)
    expect(page.get_by_role("option")).to_have_count(1)
    expect(page.get_by_role("option")).to_contain_text(branch)
    web.press("ArrowDown")
    web.press("Enter")
    expect(web).to_have_value(branch)
    expect(page.locator("#command pre")).to_contain_text(f"--service web={branch}")


def test_whoever_types_fast_gets_the_branch_that_was_typed(portal: Portal, page: Page) -> None:
    """Nothing waits for the server's answer: not the arrow, not Enter, not leaving the field."""
    page.route("**/branches?**search=**", answer_late)
    page.goto(f"{portal.url}/environments/new")
    web = page.get_by_role("combobox", name="web")
    web.focus()
    page.keyboard.type("blue-b")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(web).to_have_value("blue-banner")
    web.fill("faster-menu")
    page.keyboard.press("Tab")
    expect(web).to_have_value("faster-menu")
    assert page.locator("select[name='service.web']").input_value() == "faster-menu"


def test_the_list_of_branches_does_not_change_under_the_mouse(portal: Portal, page: Page) -> None:
    """The page of an environment comes without branches: they are shown when they are all there."""
    page.route("**/branches?**search=**", answer_late)
    page.goto(f"{portal.url}/environments/tiny/stands")
    web = page.get_by_role("combobox", name="Branch for web")
    web.click()
    expect(page.get_by_role("listbox")).to_be_hidden()
    # In a hurry, Enter neither sends the form nor chooses something.
    web.fill("blue-b")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option").first).to_be_visible()
    assert page.url.endswith("/stands")
    page.get_by_role("option", name="blue-banner", exact=True).click()
    expect(web).to_have_value("blue-banner")
    web.fill("stay")
    page.get_by_role("option", name="stay", exact=True).click()
    expect(web).to_have_value("stay")


def test_a_commit_and_escape(portal: Portal, page: Page) -> None:
    page.goto(f"{portal.url}/environments/new")
    web = page.get_by_role("combobox", name="web")
    commit = portal.team.web.git("rev-parse", "blue-banner")
    web.click()
    web.fill(commit[:7])
    expect(page.get_by_role("option")).to_have_count(1)
    expect(page.get_by_role("option")).to_contain_text("blue-banner")
    web.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(web).to_have_value("main")
    web.fill("no such branch")
    expect(page.locator(".choices")).to_contain_text("No branch matches")


# --- the frame -------------------------------------------------------------------------------------------------------


def test_the_theme_is_switched_and_kept(portal: Portal, visit: Visit) -> None:
    page = visit(portal)
    page.emulate_media(color_scheme="light")
    page.goto(f"{portal.url}/patterns")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    switch = page.locator("[data-theme-switch]")
    switch.click()
    switch.click()
    expect(switch).to_have_text("Theme: dark")
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    assert page.evaluate(paper) == dark
    switch.click()
    expect(switch).to_have_text("Theme: system")
    assert page.evaluate(paper) == light


def test_the_language_is_switched_on_the_same_page(portal: Portal, visit: Visit) -> None:
    page = visit(portal)
    page.goto(f"{portal.url}/environments?q=stands")
    page.get_by_role("button", name="日本語").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("環境")
    assert page.locator("html").get_attribute("lang") == "ja"
    assert page.url.endswith("/environments?q=stands")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments")


def test_every_part_is_reached_by_keyboard_and_shows_it(portal: Portal, visit: Visit) -> None:
    page = visit(portal)
    for path in ("/patterns", "/environments/new", "/environments/tiny/stands"):
        page.goto(portal.url + path)
        wanted = page.evaluate(_FOCUSABLE)
        page.evaluate("document.activeElement.blur()")
        seen: set[str] = set()
        for _ in range(wanted + 12):
            page.keyboard.press("Tab")
            found = page.evaluate(_FOCUSED)
            if found is not None:
                assert found["outline"] != "none" and found["width"] != "0px", (path, found)
                seen.add(found["path"])
        assert len(seen) >= wanted, (path, sorted(seen))


def test_pages_are_sound(portal: Portal, visit: Visit, shot: Callable[[Page, str], None]) -> None:
    """Both languages, both themes, wide and narrow: nothing sticks out, headings go in order, everything has a name."""
    for language in LANGUAGES:
        page = visit(portal, locale=language)
        for path in ("/patterns", "/environments", "/environments/new", "/environments/tiny/stands", "/blueprints"):
            page.goto(portal.url + path)
            assert page.locator("html").get_attribute("lang") == language
            for look in looks(page):
                assert page.evaluate(_UNSOUND) == [], (path, look)
                shot(page, f"{path.strip('/').replace('/', '-')}-{language}-{look}")


def test_forms_work_without_script(portal: Portal, browser: Browser) -> None:
    context = portal.signed_in(browser, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{portal.url}/environments/new")
    page.get_by_label("web").select_option("blue-banner")
    page.get_by_label("Name", exact=True).fill("Not A Name")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#wrong-name")).to_contain_text("Try not-a-name.")
    expect(page.get_by_label("web")).to_have_value("blue-banner")
    page.goto(f"{portal.url}/environments/tiny/stands")
    expect(page.locator(".log")).to_contain_text("line 60")
    context.close()


def test_a_page_that_was_not_signed_in_shows_how(portal: Portal, browser: Browser) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{portal.url}/environments/tiny/stands")
    expect(page.get_by_role("heading")).to_have_text("You are not signed in")
    assert "stands" not in page.locator("main").inner_text()
    page.goto(portal.sign_in.address(portal.url))
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments")
    context.close()


def test_a_link_from_another_site_asks_once_more(portal: Portal, context: BrowserContext, tmp_path: Path) -> None:
    """A strict cookie does not come along with such a link: the page says so and offers the same address."""
    page = context.new_page()
    page.route(
        "http://elsewhere.example/",
        lambda route: route.fulfill(
            content_type="text/html", body=f'<a href="{portal.url}/environments?q=stands">there</a>'
        ),
    )
    page.goto("http://elsewhere.example/")
    page.get_by_text("there").click()
    page.get_by_role("link", name="Go on to the page").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments")
    assert page.url.endswith("/environments?q=stands")


_FOCUSABLE = """() => new Set([...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary')]
  .filter((e) => e.checkVisibility() && !e.disabled)).size"""

_FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body || e.id === 'content') return null;
  const style = getComputedStyle(e);
  const all = [...document.querySelectorAll('*')];
  return { path: `${e.tagName} ${all.indexOf(e)}`, outline: style.outlineStyle, width: style.outlineWidth };
}"""

_UNSOUND = """() => {
  const wrong = [];
  const named = (e) => e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim() || e.title;
  for (const e of document.querySelectorAll('input:not([type=hidden]), select, button, a, progress')) {
    if (e.checkVisibility() && !named(e)) wrong.push(`no name: ${e.outerHTML}`);
  }
  for (const e of document.querySelectorAll('img:not([alt])')) wrong.push(`no alt: ${e.outerHTML}`);
  const all = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of all) if (all.indexOf(id) !== all.lastIndexOf(id)) wrong.push(`twice: ${id}`);
  for (const name of ['for', 'aria-describedby', 'aria-controls']) {
    for (const e of document.querySelectorAll(`[${name}]`)) {
      const ids = e.getAttribute(name).split(' ');
      if (ids.some((id) => !document.getElementById(id))) wrong.push(`nowhere: ${e.outerHTML}`);
    }
  }
  let level = 0;
  for (const h of document.querySelectorAll('h1, h2, h3, h4')) {
    const next = Number(h.tagName[1]);
    if (next > level + 1) wrong.push(`heading ${h.textContent} after level ${level}`);
    level = next;
  }
  if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
  if (document.querySelectorAll('main').length !== 1) wrong.push('not one main');
  return wrong;
}"""
