"""The deploys' pages, in both languages, wide and narrow: what runs where, a deploy with a branch that was searched for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from butai.deploys.logs import LogLineShape, ServiceLogs
from butai.environments.store import Environment
from butai.runs.model import RunEnd, RunKind
from butai.runs.store import Run
from support.looks import looks
from support.portal import Portal, Visit
from support.rows import NOW

Open = Callable[[BrowserContext], Page]


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A server with one environment on which a deploy failed, and one that ended well before."""
    portal = Portal(tmp_path_factory.mktemp("deploys"))
    commit = portal.butai.blueprints.newest("tiny")
    web = {"branch": "main", "commit": portal.team.blue_commit, "image": "web", "default_branch": "main"}
    portal.butai.blueprints.branches("tiny", "web")
    had = {"had": ["001_calls.sql", "002_notes.sql"], "known": ["001_calls.sql"], "branch": "notes", "commit": "0" * 40}
    fields = {"commit": commit, "health": "ready", "services": {"web": web}, "migrated": {"web": had}}
    key = portal.add_environment("qa-1", **fields)
    put(portal, portal.add_run(key, running=False), "main", portal.team.main_commit, RunKind.CREATE)
    put(portal, portal.add_run(key, running=False), "blue", portal.team.blue_commit, RunKind.DEPLOY)
    put(portal, portal.add_run(key, running=False), "main", portal.team.main_commit, RunKind.DEPLOY)
    failed = portal.add_run(key, running=False)
    put(portal, failed, "broken", "f" * 40, RunKind.DEPLOY)
    portal.end(failed, RunEnd.NOT_ROLLED_OUT)
    portal.say(failed, "web: task 0123 has stopped. Its last line: no database", kind="diagnostic", severity="error")
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


def put(portal: Portal, run: int, branch: str, commit: str, kind: RunKind) -> None:
    """What a run was asked for."""
    web = {"branch": branch, "commit": commit, "image": branch if branch != "main" else "web", "default_branch": "main"}
    told = {"ref": "main", "commit": portal.butai.blueprints.get("tiny").commit, "services": {"web": web}}
    with portal.butai.database.session() as session:
        row = session.get_one(Run, run)
        row.kind = kind
        row.params = {**row.params, **told, "deploy": {"services": {"web": {}}}}


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize(("locale", "width", "scheme"), [("en-GB", 1280, "light"), ("ja-JP", 390, "dark")])
def test_what_is_shown(
    portal: Portal,
    visit: Visit,
    shot: Callable[[Page, str], None],
    locale: str,
    width: int,
    scheme: str,
) -> None:
    japanese = locale == "ja-JP"
    page = visit(portal, locale=locale, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(f"{portal.url}/deploys")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "どこで何が動いているか" if japanese else "What runs where"
    )
    expect(page.locator("tbody tr").first).to_contain_text("1 先行" if japanese else "1 ahead")
    assert fits(page)
    shot(page, f"deploys-{locale}-{scheme}")
    page.get_by_role("link", name="qa-1", exact=True).click()
    ahead = "データベースがこのバージョンより先行しています: 002_notes.sql (notes)"
    ahead = ahead if japanese else "Its database is ahead of this version: 002_notes.sql (notes)"
    expect(page.locator("td .sub.warn")).to_contain_text(ahead)
    history = page.locator("#history tbody tr")
    expect(history).to_have_count(4)
    expect(history.first).to_contain_text("入れ替え失敗" if japanese else "Not rolled out")
    expect(page.get_by_role("button", name="web を" if japanese else "Roll web back to")).to_have_count(1)
    expect(page.get_by_role("button", name="前のバージョンに戻す" if japanese else "Put back")).to_have_count(1)
    assert fits(page)
    shot(page, f"deploy-{locale}-{scheme}")
    page.goto(f"{portal.url}/environments/tiny/qa-1?run=4")
    expect(page.locator(".log")).to_contain_text("no database")
    expect(page.locator("#services td .sub.warn")).to_contain_text(ahead)
    expect(page.locator(".log summary")).to_contain_text("確認してデプロイ" if japanese else "Check and deploy")
    assert fits(page)
    shot(page, f"deploy-run-{locale}-{scheme}")


def test_a_branch_that_was_searched_for_is_deployed_from_the_environments_page(portal: Portal, visit: Visit) -> None:
    page = visit(portal)
    page.goto(f"{portal.url}/environments/tiny/qa-1")
    picker = page.get_by_role("combobox", name="Branch for web")
    picker.click()
    picker.fill("blue page")
    expect(page.get_by_role("option").first).to_contain_text("blue")
    picker.press("ArrowDown")
    picker.press("Enter")
    page.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("deploy")
    assert "?run=5" in page.url
    run = portal.butai.runs.get(5)
    assert run.params["services"]["web"]["commit"] == portal.team.blue_commit
    portal.end(5, RunEnd.CANCELLED_BEFORE_CHANGE)


@pytest.mark.parametrize(("locale", "width", "scheme"), [("en-GB", 1280, "dark"), ("ja-JP", 390, "light")])
def test_an_environment_is_held_and_given_back(
    portal: Portal,
    visit: Visit,
    shot: Callable[[Page, str], None],
    locale: str,
    width: int,
    scheme: str,
) -> None:
    japanese = locale == "ja-JP"
    page = visit(portal, locale=locale, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(f"{portal.url}/environments/tiny/qa-1")
    hold = page.locator("#hold")
    shot(page, f"free-{locale}-{scheme}")
    hold.get_by_label("理由" if japanese else "Why").fill("Trial with the carrier")
    hold.get_by_role("button", name="確保" if japanese else "Hold").click()
    expect(hold).to_contain_text("Trial with the carrier")
    assert fits(page)
    shot(page, f"held-{locale}-{scheme}")
    page.goto(f"{portal.url}/environments")
    expect(page.locator("#rows")).to_contain_text("確保中" if japanese else "Held by")
    assert fits(page)
    shot(page, f"held-list-{locale}-{scheme}")
    page.goto(f"{portal.url}/environments/tiny/qa-1")
    hold.get_by_role("button", name="解放" if japanese else "Release").click()
    expect(hold).not_to_contain_text("Trial with the carrier")


@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
def test_a_report_is_copied_and_two_are_compared(
    portal: Portal, visit: Visit, shot: Callable[[Page, str], None], locale: str
) -> None:
    japanese = locale == "ja-JP"
    page = visit(portal, locale=locale, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{portal.url}/deploys/tiny/qa-1")
    page.get_by_role("link", name="報告用にコピー" if japanese else "Copy for a report").click()
    page.wait_for_load_state()
    page.get_by_role("button", name="コピー" if japanese else "Copy", exact=True).click()
    expect(page.locator("[data-copy]")).to_have_text("コピーしました" if japanese else "Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("**qa-1** (tiny), 20") and f"{portal.url}/environments/tiny/qa-1?run=" in copied
    for look in looks(page):
        shot(page, f"report-{locale}-{look}")
    page.get_by_label("日時" if japanese else "When").fill("soon")
    page.get_by_role("button", name="表示" if japanese else "Show").click()
    expect(page.get_by_role("alert")).to_contain_text("soon")

    page.goto(f"{portal.url}/deploys/tiny/qa-1/compare")
    expect(page.locator(".empty")).to_be_visible()
    web = {"branch": "blue", "commit": "b" * 40, "image": "blue", "default_branch": "main"}
    other = f"qa-2{locale[:2]}"
    key = portal.add_environment(other, services={"web": web}, variables={"size": "small"})
    portal.add_run(key, running=False)
    page.reload()
    rows = page.locator("#differences tbody tr")
    expect(rows.first).to_contain_text("blue bbbbbbb")
    expect(page.locator("#differences")).to_contain_text("size")
    for look in looks(page):
        shot(page, f"compare-{locale}-{look}")
    with portal.butai.database.session() as session:
        session.get_one(Environment, key).destroyed_at = NOW


@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
def test_what_services_print_is_followed(
    portal: Portal,
    visit: Visit,
    shot: Callable[[Page, str], None],
    monkeypatch: pytest.MonkeyPatch,
    locale: str,
) -> None:
    """AWS is not there: what reads it has tests with the local cloud."""
    japanese = locale == "ja-JP"
    printed = [line(number) for number in range(60)]
    monkeypatch.setattr(ServiceLogs, "newest", lambda *_, most, **__: printed[-most:])
    page = visit(portal, locale=locale)
    page.goto(f"{portal.url}/deploys/tiny/qa-1")
    page.get_by_role("link", name="ログ" if japanese else "Logs", exact=True).click()
    expect(page.locator("#lines li").last).to_contain_text("request 59")
    assert newest_in_sight(page)
    for look in looks(page):
        assert fits(page)
        shot(page, f"logs-{locale}-{look}")
    printed.append(line(60, "<b>request</b> 60"))
    expect(page.locator("#lines li").last).to_contain_text("<b>request</b> 60")
    assert newest_in_sight(page)
    printed.clear()
    expect(page.locator("#lines")).to_contain_text("何も出力" if japanese else "Nothing was printed")


def newest_in_sight(page: Page) -> bool:
    newest, log = (page.locator(each).last.bounding_box() for each in ("#lines li", ".log"))
    assert newest and log
    return newest["y"] + newest["height"] <= log["y"] + log["height"]


def line(number: int, message: str = "") -> LogLineShape:
    at = NOW + timedelta(seconds=number)
    words = message or f"GET /menus/{number} 200 request {number}"
    return LogLineShape(id=str(number), at=at, task="0123456789abcdef", container="web", message=words)


def test_that_logs_cannot_be_read_is_said(portal: Portal, visit: Visit) -> None:
    page = visit(portal)
    page.goto(f"{portal.url}/deploys/tiny/qa-1/logs")
    expect(page.get_by_role("alert")).to_contain_text("web")
