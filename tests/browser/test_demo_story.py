"""The whole story in a real browser, on what `butai demo` started: real engine, real provider, real git, real processes."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.demo import Demo, ask, get
from support.looks import LANGUAGES, looks
from support.variants import again

pytestmark = pytest.mark.timeout(900)

LONG_MS = 240_000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    demo.start()
    yield demo
    if demo.process and demo.process.poll() is None:
        demo.stop()
    assert not demo.processes()


@pytest.fixture(scope="module")
def context(demo: Demo, browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(demo.portal)
    expect(page.get_by_role("heading", name="Environments", exact=True)).to_be_visible()
    assert "key=" not in page.url
    page.close()
    yield context
    context.close()


def url_of(demo: Demo, name: str) -> str:
    return str(demo.butai("env", "show", name)["urls"]["web"])


def calls(url: str) -> list[Any]:
    answer = get(f"{url}/api/calls")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return list(found["calls"] if isinstance(found, dict) else found)


def call(url: str) -> Any:
    """A call comes in."""
    answer = ask("POST", f"{url}/api/calls", json={"caller": "050-5530-1234"})
    assert answer.is_success, answer.text
    return answer.json()


def test_both_environments_answer_with_their_own_version_and_data(demo: Demo) -> None:
    one, two = url_of(demo, "qa-1"), url_of(demo, "qa-2")
    assert 'id="banner"' in get(two).text and 'id="banner"' not in get(one).text
    assert "qa-1" in get(one).text and "qa-2" in get(two).text
    before = len(calls(two))
    call(one)
    assert len(calls(one)) >= 1
    assert len(calls(two)) == before


def test_the_story(
    demo: Demo,
    context: BrowserContext,
    watched: Callable[[BrowserContext], Page],
    shot: Callable[[Page, str], None],
) -> None:
    page = watched(context)
    page.goto(demo.portal.split("/?")[0])

    # A wrong name is said at its field, and nothing that was typed is lost.
    page.get_by_role("link", name="New environment").click()
    page.get_by_label("Name", exact=True).fill("QA 9")
    page.get_by_label("Purpose").fill("The banner before the trial")
    web = page.get_by_role("combobox", name="web")
    web.click()
    web.fill("banner")
    expect(page.get_by_role("option").first).to_contain_text("blue-banner")
    web.press("ArrowDown")
    web.press("Enter")
    expect(web).to_have_value("blue-banner")
    expect(page.locator("#command pre")).to_contain_text("--service web=blue-banner")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#wrong-name")).to_contain_text("Try qa-9.")
    expect(page.get_by_label("Purpose")).to_have_value("The banner before the trial")
    expect(page.get_by_role("combobox", name="web")).to_have_value("blue-banner")
    page.get_by_label("Name", exact=True).fill("qa-9")
    page.get_by_role("button", name="Create").click()

    # The log comes live: a resource that is made appears without a reload.
    expect(page.get_by_role("heading", name="qa-9")).to_be_visible()
    expect(page.locator(".log")).to_contain_text("aws_lb_target_group.web", timeout=LONG_MS)
    shot(page, "creating")
    expect(page.locator("#headline .state")).to_have_text("Up", timeout=LONG_MS)
    expect(page.locator(".log")).to_contain_text("Ready: services are steady")

    # Its own URL shows the blue banner.
    address = page.locator("a.address").get_attribute("href")
    assert address
    visitor = watched(context)
    visitor.goto(address)
    expect(visitor.locator("#banner")).to_be_visible()
    shot(visitor, "qa-9")
    visitor.close()

    # A call here is not seen by qa-1.
    before = calls(url_of(demo, "qa-1"))
    made = call(address)
    assert any(str(made["id"]) == str(call["id"]) for call in calls(address))
    assert calls(url_of(demo, "qa-1")) == before

    # To main: the banner goes, the call stays.
    page.get_by_role("combobox", name="Branch for web").click()
    page.get_by_role("option", name="main", exact=True).click()
    page.get_by_role("button", name="Update").click()
    expect(page.locator("#headline .state")).to_have_text(re.compile("Queued|Updating|Starting"), timeout=20_000)
    expect(page.locator("#headline .state")).to_have_text("Up", timeout=LONG_MS)
    assert 'id="banner"' not in get(address).text
    assert any(str(made["id"]) == str(call["id"]) for call in calls(address))
    shot(page, "up")

    # The banner again by a deploy, past Terraform, which has nothing to say to it afterwards.
    web = page.get_by_role("combobox", name="Branch for web")
    web.click()
    web.fill("banner")
    expect(page.get_by_role("option").first).to_contain_text("blue-banner")
    web.press("ArrowDown")
    web.press("Enter")
    page.get_by_role("button", name="Deploy").click()
    expect(page.locator(".log")).to_contain_text("web runs", timeout=LONG_MS)
    expect(page.locator("#headline .state")).to_have_text("Up", timeout=LONG_MS)
    assert 'id="banner"' in get(address).text
    shot(page, "deployed")
    demo.butai("env", "drift", "qa-9")

    # Destroy wants the name typed.
    page.get_by_label("Type qa-9 to confirm").fill("qa-1")
    page.get_by_role("button", name="Destroy").click()
    expect(page.get_by_role("alert").first).to_contain_text("Type qa-9.")
    page.get_by_label("Type qa-9 to confirm").fill("qa-9")
    page.get_by_role("button", name="Destroy").click()
    expect(page.locator("#headline .state")).to_have_text("Destroyed", timeout=LONG_MS)
    expect(page.locator(".log")).to_contain_text("Nothing is left")
    shot(page, "destroyed")
    page.close()

    # Gone: no page at its URL, its name and leases free, its state empty.
    assert get(address).status_code == 404
    assert [each["name"] for each in demo.butai("env", "list")] == ["qa-1", "qa-2"]
    pools = demo.butai("blueprint", "show", "ivr")
    assert pools["name"] == "ivr"
    assert_nothing_left(demo, "qa-9")


def assert_nothing_left(demo: Demo, name: str) -> None:
    """Asked of the database and of AWS, not of Butai's own word."""
    from butai.db import Database
    from butai.environments.store import Environment
    from butai.leases.store import LeaseRow
    from butai.states.service import States
    from butai.tables import load_tables
    from butai.terraform.state import is_empty

    load_tables()
    folder = demo.folder / "data" / "butai"
    database = Database(f"sqlite:///{folder / 'butai.db'}")
    with database.session() as session:
        row = session.query(Environment).filter_by(name=name).one()
        assert row.destroyed_at is not None
        assert session.query(LeaseRow).filter_by(environment_name=name, released_at=None).count() == 0
        assert session.query(LeaseRow).filter_by(environment_name=name).count() >= 3
    states = States(database, folder / "state.key", lambda: row.created_at)
    assert is_empty(states.read(row.id) or b"")
    database.close()
    cloud = f"http://127.0.0.1:{_cloud_port(demo)}"
    assert name not in _target_groups(cloud)


def _cloud_port(demo: Demo) -> int:
    import json

    return int(json.loads((demo.folder / "data" / "ports.json").read_text())["cloud"])


def _target_groups(endpoint: str) -> str:
    import boto3

    client = boto3.client(
        "elbv2",
        endpoint_url=endpoint,
        region_name="ap-northeast-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    return " ".join(each["TargetGroupName"] for each in client.describe_target_groups()["TargetGroups"])


@again
def test_three_at_once_do_not_disturb_each_other(
    demo: Demo, context: BrowserContext, watched: Callable[[BrowserContext], Page]
) -> None:
    names = ["t-1", "t-2", "t-3"]
    page = watched(context)
    page.goto(f"{demo.portal.split('/?')[0]}/environments?q=t-")
    for name in names:
        demo.butai("env", "create", name, "--no-wait")
    deadline = time.monotonic() + 300
    while True:
        found = {each["name"]: each for each in demo.butai("env", "list") if each["name"] in names}
        if all(each["state"]["kind"] != "busy" for each in found.values()):
            break
        assert time.monotonic() < deadline
        time.sleep(1)
    assert {each["state"]["kind"] for each in found.values()} == {"up"}, found
    # The list was open all the time: it shows them without a reload, and keeps its filter.
    expect(page.locator("#rows .state.up")).to_have_count(3, timeout=20_000)
    page.close()
    for pool in ("listener_priority", "subdomain", "test_number"):
        assert len({each["leases"][pool] for each in found.values()}) == 3
    for position, name in enumerate(names):
        url = found[name]["urls"]["web"]
        for _ in range(position + 1):
            call(url)
    assert [len(calls(found[name]["urls"]["web"])) for name in names] == [1, 2, 3]


def test_pages_work_by_keyboard_in_both_languages_on_a_phone(
    demo: Demo, context: BrowserContext, browser: Browser, watched: Callable[[BrowserContext], Page]
) -> None:
    base = demo.portal.split("/?")[0]
    for language in LANGUAGES:
        view = browser.new_context(locale=language, reduced_motion="reduce")
        view.add_cookies(cast(Any, context.cookies()))
        page = watched(view)
        for path in ("/environments", "/environments/new", "/environments/ivr/qa-2", "/blueprints", "/patterns"):
            page.goto(base + path)
            assert page.locator("html").get_attribute("lang") == language
            assert page.evaluate("document.querySelectorAll('h1').length") == 1, path
            for look in looks(page):
                assert page.evaluate(_UNLABELLED) == [], (path, look)
        view.close()
    page = watched(context)
    page.goto(f"{base}/environments")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("[data-jump]")).to_be_focused()
    page.keyboard.type("blue")
    page.keyboard.press("Enter")
    expect(page.locator("#rows tr")).to_have_count(1)
    assert "q=blue" in page.url
    page.goto(f"{base}/environments?q=nothing-like-this")
    expect(page.locator("#rows")).to_contain_text("Nothing matches")
    page.close()


_UNLABELLED = """() => [...document.querySelectorAll('input:not([type=hidden]), select, button, a')].filter((e) =>
  !e.hidden && !e.closest('[hidden]') && !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim() || e.title)
).map((e) => e.outerHTML)"""


def test_ctrl_c_in_mid_run_interrupts_once_and_the_next_start_finds_everything(demo: Demo) -> None:
    call(url_of(demo, "qa-2"))
    logged = calls(url_of(demo, "qa-2"))
    demo.butai("env", "create", "late", "--no-wait")
    deadline = time.monotonic() + 120
    while demo.butai("env", "show", "late")["last_run"]["done"] < 3:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert demo.stop() == 0
    said = demo.log.read_text()
    assert "one interrupt to its engine" in said and "late: interrupted" in said
    assert demo.processes() == []
    seconds = demo.start(120)
    shown = {each["name"]: each for each in demo.butai("env", "list")}
    assert {"qa-1", "qa-2", "late"} <= set(shown)
    assert shown["late"]["state"]["next_action"] == "run-again"
    assert 'id="banner"' in get(shown["qa-2"]["urls"]["web"]).text
    assert calls(shown["qa-2"]["urls"]["web"]) == logged and logged, "data outlives a restart"
    assert seconds < 60


@again
def test_a_killed_demo_leaves_nothing_that_the_next_one_does_not_end(demo: Demo) -> None:
    assert demo.process is not None
    before = {process.pid for process in demo.processes()}
    demo.process.send_signal(signal.SIGKILL)
    demo.process.wait(10)
    demo.start(120)
    assert "Ended what an earlier demo had left running" in demo.log.read_text()
    living = {process.pid for process in demo.processes() if process.status() != psutil.STATUS_ZOMBIE}
    assert not before & living
    for name in ("qa-1", "qa-2"):
        assert get(url_of(demo, name)).status_code == 200
