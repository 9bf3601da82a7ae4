"""The pages of environments that were made elsewhere, in both languages, wide and narrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from butai.runs.model import RunEnd, RunKind
from butai.runs.store import Run
from support.looks import looks
from support.portal import Portal, Visit

PLACE = "s3://team-states/old/staging.tfstate"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A server with one adopted environment beside one of its own."""
    portal = Portal(tmp_path_factory.mktemp("adopted"))
    commit = portal.butai.blueprints.newest("tiny")
    web = {"branch": "main", "commit": portal.team.main_commit, "image": "web", "default_branch": "main"}
    adopted = {
        "cluster": "ivr-shared",
        "named": {},
        "found": {"web": {"cluster": "ivr-shared", "service": "staging-web"}},
    }
    told = {"commit": commit, "services": {"web": web}, "health": "ready"}
    key = portal.add_environment("staging", adopted=adopted, state_address=PLACE, owner="mika", engine_name="",
                                 engine_version="", **told)  # fmt: skip
    looked = portal.add_run(key, running=False)
    with portal.butai.database.session() as session:
        row = session.get_one(Run, looked)
        row.kind, row.params = RunKind.LOOK, {**row.params, "ref": "main", "services": {}, "commit": commit}
    portal.end(looked, RunEnd.SUCCEEDED)
    portal.add_run(portal.add_environment("qa-1", **told), running=False)
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


@pytest.mark.parametrize(("locale", "width", "scheme"), [("en-GB", 1280, "light"), ("ja-JP", 390, "dark")])
def test_what_is_shown(
    portal: Portal, visit: Visit, shot: Callable[[Page, str], None], locale: str, width: int, scheme: str
) -> None:
    page = visit(portal, locale=locale, viewport={"width": width, "height": 900}, color_scheme=scheme)
    for name, path in (
        ("list", "/environments"),
        ("form", "/environments/adopt"),
        ("page", "/environments/tiny/staging"),
    ):
        page.goto(f"{portal.url}{path}")
        looks(page)
        shot(page, f"adopt-{name}-{scheme}-{width}-{locale[:2]}")
    expect(page.locator("#adopted")).to_contain_text(PLACE)
    expect(page.locator("#adopted")).to_contain_text("ivr-shared / staging-web")
    # Nothing is offered that Butai never does.
    for gone in ("#destroy", "#drift", "button[title='With Terraform']", "input[name=latest]"):
        expect(page.locator(gone)).to_have_count(0)


def test_the_form_keeps_what_was_typed(portal: Portal, visit: Visit) -> None:
    page = visit(portal, locale="en-GB")
    page.goto(f"{portal.url}/environments")
    page.get_by_role("link", name="Adopt an environment").click()
    page.get_by_label("Name", exact=True).fill("old-qa")
    page.get_by_label("Its state").fill("team-states/key")
    page.get_by_role("button", name="Adopt it").click()
    expect(page.locator("#wrong-state")).to_contain_text("no address of a state")
    expect(page.get_by_label("Name", exact=True)).to_have_value("old-qa")
    page.get_by_label("Its state").fill("s3://team-states/old/qa.tfstate")
    page.get_by_label("ECS cluster").fill("ivr-shared")
    page.get_by_role("button", name="Adopt it").click()
    expect(page).to_have_url(f"{portal.url}/environments/tiny/old-qa")
    expect(page.locator("#headline")).to_contain_text("Queued")


def test_it_is_handed_over_by_its_name_and_forgotten_without(portal: Portal, visit: Visit) -> None:
    page = visit(portal, locale="en-GB")
    page.goto(f"{portal.url}/environments/tiny/staging")
    page.get_by_role("button", name="Hand over").click()
    expect(page.get_by_role("alert").first).to_contain_text("belongs to mika")
    page.get_by_role("button", name="Forget it").click()
    expect(page.locator("h1")).to_have_text("staging")
    page.goto(f"{portal.url}/environments")
    expect(page.get_by_role("link", name="staging")).to_have_count(0)
