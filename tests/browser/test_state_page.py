"""The page of an environment's state, in both languages, wide and narrow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from butai.runs.model import RunKind
from butai.runs.store import Run
from butai.states.model import Lock
from support.portal import Portal, Visit
from support.rows import NOW

Open = Callable[[BrowserContext], Page]


def document(serial: int, image: str, password: str) -> bytes:
    attributes = {"id": "web", "image": image, "password": password}
    held = [{"mode": "managed", "type": "aws_x", "name": "web", "instances": [{"attributes": attributes}]}]
    outputs: dict[str, Any] = {"url": {"value": image}, "secret": {"value": password, "sensitive": True}}
    return json.dumps({"version": 4, "serial": serial, "lineage": "a", "resources": held, "outputs": outputs}).encode()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A server with one environment that has two versions of its state, and a lock that is left over."""
    portal = Portal(tmp_path_factory.mktemp("state"))
    commit = portal.butai.blueprints.newest("tiny")
    key = portal.add_environment("qa-1", commit=commit)
    run = portal.add_run(key, running=False)
    with portal.butai.database.session() as session:
        row = session.get_one(Run, run)
        web = {"branch": "main", "commit": portal.team.main_commit, "image": "web", "default_branch": "main"}
        row.params = {**row.params, "ref": "main", "commit": commit, "services": {"web": web}}
    portal.butai.states.write(key, run, document(1, "http://one", "hunter2-a"), lock_id="")
    portal.butai.states.write(key, run, document(2, "http://two", "hunter2-b"), lock_id="")
    portal.butai.states.lock(key, Lock("2f6d7e8a", "root@build-2", "OperationTypeApply", run, NOW))
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


def open_page(portal: Portal, visit: Visit, **look: Any) -> Page:
    page = visit(portal, **look)
    page.goto(f"{portal.url}/environments/tiny/qa-1")
    page.locator("#facts a[href$='/state']").click()
    return page


@pytest.mark.parametrize(("locale", "width", "scheme"), [("en-GB", 1280, "light"), ("ja-JP", 390, "dark")])
def test_what_is_shown(
    portal: Portal,
    visit: Visit,
    shot: Callable[[Page, str], None],
    locale: str,
    width: int,
    scheme: Any,
) -> None:
    page = open_page(portal, visit, locale=locale, viewport={"width": width, "height": 800}, color_scheme=scheme)
    expect(page.locator("#versions tbody tr")).to_have_count(2)
    expect(page.locator("#differences")).to_contain_text("image, password")
    expect(page.locator("#differences")).to_contain_text("http://one → http://two")
    assert "hunter2" not in page.content(), "no secret is shown"
    expect(page.locator("#lock")).to_contain_text("root@build-2")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shot(page, f"state-{locale}-{width}")


def test_compare_roll_back_and_release(portal: Portal, visit: Visit) -> None:
    page = open_page(portal, visit)
    page.locator("#differences input[name=before]").fill("2")
    page.locator("#differences button").click()
    expect(page.locator("#differences")).to_contain_text("Nothing differs.")

    page.locator("#roll-back input[name=version]").fill("1")
    page.locator("#roll-back input[name=confirm]").fill("qa-2")
    page.locator("#roll-back button").click()
    expect(page.locator("#roll-back").get_by_role("alert")).to_have_text(
        "That was another name: nothing was done. Type qa-1."
    )
    expect(page.get_by_role("alert")).to_have_count(1)
    page.locator("#lock input[name=confirm]").fill("qa-1")
    page.locator("#lock button").click()
    expect(page.locator("#lock")).not_to_contain_text("root@build-2")

    page.locator("#roll-back input[name=version]").fill("1")
    page.locator("#roll-back input[name=confirm]").fill("qa-1")
    page.locator("#roll-back button").click()
    page.wait_for_url(f"{portal.url}/environments/tiny/qa-1")
    newest = portal.butai.environments.get("qa-1").last_run
    assert (newest.kind, newest.params["version"]) == (RunKind.ROLL_BACK, 1)
