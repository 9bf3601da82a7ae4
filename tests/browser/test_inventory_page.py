"""The map of the example team in a real browser: searched, focused, followed to the source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from butai.demo.team import examples_folder, make_team
from butai.inventory.views import AddRequest
from support.looks import LANGUAGES, looks
from support.portal import Portal, Visit

WEB = "staging:aws_ecs_service.web"
# Where the drawing shows a node, in pixels of the page.
_WHERE = """id => {
  const stage = document.getElementById('map-stage').getBoundingClientRect();
  const { x, y } = document.querySelector('.canvas')._cyreg.cy.getElementById(id).renderedPosition();
  return { x: stage.x + x, y: stage.y + y };
}"""
_DRAWN = "() => document.querySelector('.canvas')._cyreg.cy.nodes().map((each) => each.id())"
_CHOSEN = "() => document.querySelector('.canvas')._cyreg.cy.nodes('[?chosen]').map((each) => each.id())"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A server that knows the example team's infrastructure."""
    folder = tmp_path_factory.mktemp("inventory")
    portal = Portal(folder)
    team = make_team(examples_folder(), folder / "ivr")
    portal.butai.inventory.add(AddRequest(repository=str(team.infra)))
    portal.start()
    yield portal
    portal.stop()
    portal.butai.database.close()


def drawn(page: Page) -> set[str]:
    expect(page.locator(".canvas canvas").first).to_be_visible()
    return set(page.evaluate(_DRAWN))


def test_the_map_is_opened_searched_focused_and_followed_to_the_source(portal: Portal, visit: Visit) -> None:
    page = visit(portal)
    page.goto(portal.url)
    page.get_by_role("link", name="Inventory", exact=True).click()
    page.get_by_role("link", name="ivr-infra", exact=True).click()
    way = page.locator(".ways tr", has_text="aws_ecs_service.api")
    expect(way).to_contain_text("aws_lb_listener_rule.api")
    expect(way).to_contain_text("aws_elasticache_cluster.this")
    page.get_by_role("link", name="Open the map").click()
    expect(page.locator(".row").first).to_contain_text("base")
    assert {WEB, "base", "staging"} <= drawn(page)

    page.get_by_label("Search the repository").fill("ecs_service web")
    page.get_by_label("Search the repository").press("Enter")
    expect(page.locator("#found h2")).to_have_text("Found: 1")
    page.locator("#found").get_by_role("link", name="aws_ecs_service.web").click()
    expect(page.locator("#map-node h2")).to_have_text("aws_ecs_service.web")
    assert page.evaluate(_CHOSEN) == [WEB]

    page.locator("#map-node").get_by_role("link", name="Focus").click()
    expect(page.locator(".bar .says")).to_contain_text(WEB)
    assert "base" not in drawn(page) and WEB in drawn(page)
    two = drawn(page)
    page.get_by_role("link", name="Steps: 1").click()
    expect(page.get_by_role("link", name="Steps: 1")).to_have_attribute("aria-current", "true")
    assert drawn(page) < two

    page.locator("#map-node").get_by_role("link", name="Source").click()
    expect(page).to_have_url(re.compile(r"/source/staging/services\.tf\?commit=\w{40}&to=\d+#L\d+$"))
    meant = page.locator(".source li.meant")
    expect(meant.first).to_contain_text('resource "aws_ecs_service" "web"')
    expect(meant.first).to_be_in_viewport()
    assert meant.count() > 10
    page.go_back()
    expect(page.locator("#map-node h2")).to_have_text("aws_ecs_service.web")


def test_a_click_on_the_drawing_is_the_same_as_one_in_the_list(portal: Portal, visit: Visit) -> None:
    page = visit(portal)
    page.goto(f"{portal.url}/inventory/ivr-infra/map?node={WEB}")
    expect(page.locator(".canvas canvas").first).to_be_visible()
    here = page.evaluate(_WHERE, "staging:aws_ecs_service.api")
    page.mouse.click(here["x"], here["y"])
    expect(page.locator("#map-node h2")).to_have_text("aws_ecs_service.api")
    expect(page.locator(".row[aria-current]")).to_contain_text("aws_ecs_service.api")
    there = page.evaluate(_WHERE, "staging:aws_ecs_service.api")
    assert abs(here["x"] - there["x"]) < 2 and abs(here["y"] - there["y"]) < 2, "what was clicked on stays where it is"
    page.go_back()
    expect(page.locator("#map-node h2")).to_have_text("aws_ecs_service.web")


def test_the_list_is_worked_with_the_keyboard(portal: Portal, visit: Visit) -> None:
    page = visit(portal)
    page.goto(f"{portal.url}/inventory/ivr-infra/map")
    page.locator(".row .what").first.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("link", name="Open base")).to_have_attribute("aria-expanded", "false")
    assert not any(each.startswith("base:") for each in drawn(page)) and "base" in drawn(page)
    expect(page.locator("[data-keep='row base']")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-keep='row staging']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#map-node h2")).to_have_text("staging")
    expect(page.locator("[data-keep='row staging']")).to_be_focused()


def test_a_permanent_link_opens_the_same_view_of_the_same_commit(portal: Portal, visit: Visit) -> None:
    page = visit(portal)
    page.goto(f"{portal.url}/inventory/ivr-infra/map")
    page.get_by_role("link", name="Age", exact=True).click()
    expect(page.locator(".legend")).to_contain_text("not known")
    page.get_by_role("link", name="Close base").click()
    expect(page.get_by_role("link", name="Open base")).to_be_visible()
    link = page.locator("#map-link").get_attribute("data-copy")
    assert link is not None and re.search(r"commit=\w{40}", link)
    before = drawn(page)
    other = visit(portal)
    other.goto(link)
    expect(other.locator(".legend")).to_contain_text("not known")
    assert drawn(other) == before


def test_without_a_script_the_list_has_everything(portal: Portal, browser: Browser) -> None:
    context = portal.signed_in(browser, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{portal.url}/inventory/ivr-infra/map")
    expect(page.locator("#map-stage")).to_contain_text("The list has everything")
    page.get_by_role("link", name="Close base").click()
    page.locator("[data-keep='row staging']").click()
    expect(page.locator("#map-node h2")).to_have_text("staging")
    page.get_by_label("Search the repository").fill("redis")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="Open base")).to_be_visible()
    expect(page.locator("#found li")).not_to_have_count(0)
    context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_in_every_look(
    portal: Portal, visit: Visit, shot: Callable[[Page, str], None], language: str
) -> None:
    page = visit(portal, locale=language)
    pages = {
        "list": "",
        "first": "/ivr-infra",
        "map": "/ivr-infra/map",
        "node": f"/ivr-infra/map?focus={WEB}&node={WEB}&search=redis&hide=nothing",
        "group": "/ivr-infra/map?node=staging&shut=base&colour=cost",
        "source": "/ivr-infra/source/staging/services.tf?to=98#L69",
    }
    for name, path in pages.items():
        page.goto(f"{portal.url}/inventory{path}")
        for look in looks(page):
            shot(page, f"inventory-{name}-{look}-{language}")
