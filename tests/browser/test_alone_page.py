"""The map as a file, in a browser without a network: it works out the same views as the server, and is used like its map."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, BrowserContext, Page, expect

from butai.demo.team import examples_folder
from butai.inventory.alone import carried
from butai.inventory.alone_pages import page as page_alone
from butai.inventory.alone_pages import script
from butai.inventory.groups import GroupKind, groups_of
from butai.inventory.measures import Figures
from butai.inventory.model import Graph
from butai.inventory.picture import document, draw, rows
from butai.inventory.reading import WorkingFolder, read_graph
from butai.inventory.view import KINDS, Colour, View, read_view
from support.looks import LANGUAGES, looks
from support.written import graph_of, many

WEB = "staging:aws_ecs_service.web"
DAY = date(2026, 8, 1)
FOLDERS = ("envs/a", "envs/b", "modules/c", "modules/d", "modules/d/e")
# --- the same views as the server's ----------------------------------------------------------------------------------
_VIEWS = """({ data, queries }) => {
  const graph = new Graph(data);
  return queries.map((query) => {
    const view = new View(new URLSearchParams(query), data.rules);
    const picture = draw(graph, view, data.rules);
    const rows = rowsOf(graph, picture, view, data.figures[view.colour], data.rules);
    return { link: view.link.slice(1), total: picture.total, held: picture.held, ...pictureOf(graph, picture, rows, view) };
  });
}"""


_IMPACTS = "({ data }) => { const graph = new Graph(data); return graph.ids.map((each) => graph.impact(each).sort()); }"


def asked(worker: Page, code: str, **values: Any) -> Any:
    """What a function in the page answers. As one string each way: many small values take long."""
    return json.loads(worker.evaluate(f"(text) => JSON.stringify(({code})(JSON.parse(text)))", json.dumps(values)))


@pytest.fixture(scope="module")
def worker(browser: Browser) -> Iterator[Page]:
    """An empty page that knows what the file's page does before anything is drawn."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.add_script_tag(content=script("map/graph", "map/view", "map/layers", "map/shown"))
    yield page
    context.close()


@st.composite
def repositories(draw: st.DrawFn) -> Graph:
    """Folders that call those behind them, more than once too, with all that leads from one to the other."""
    files: dict[str, str] = {}
    for number, folder in enumerate(FOLDERS):
        names = [f"var.v{each}" for each in range(2)]
        blocks = ['variable "v0" {}', 'variable "v1" {}']
        for call in range(draw(st.integers(0, 2)) if number < len(FOLDERS) - 1 else 0):
            called = draw(st.sampled_from(FOLDERS[max(number + 1, 2) :]))
            up = "/".join([".."] * (folder.count("/") + 1))
            given_, waits = draw(st.sampled_from(names)), draw(st.sampled_from(["", "count = var.v1"]))
            blocks.append(f'module "m{call}" {{\n source = "{up}/{called}"\n v0 = {given_}\n {waits}\n}}')
            names += [f"module.m{call}.o0", f"module.m{call}.o1"]
        for block in range(draw(st.integers(0, 6))):
            used = draw(st.lists(st.sampled_from(names), max_size=2))
            kind = draw(st.sampled_from(["aws_sqs_queue", "aws_vpc"]))
            blocks.append(f'resource "{kind}" "r{block}" {{\n tags = [{", ".join(used)}]\n}}')
            names.append(f"{kind}.r{block}")
        for output in range(2):
            blocks.append(f'output "o{output}" {{\n value = {draw(st.sampled_from(names))}\n}}')
        files[f"{folder}/main.tf"] = "\n".join(blocks)
    return graph_of(files)


@st.composite
def views_of(draw: st.DrawFn, graph: Graph) -> View:
    """Any view of it; most are of what is in it."""
    groups = groups_of(graph)
    known = st.sampled_from([*(each for each in groups.by_id if each), *groups.above])
    some = st.lists(known, max_size=4, unique=True).map(tuple)
    about = draw(st.sampled_from(["focus", "impact", ""]))
    return View(
        open=draw(some),
        shut=draw(some),
        focus=draw(known) if about == "focus" else "",
        impact=draw(known) if about == "impact" else "",
        steps=draw(st.integers(1, 6)),
        hide=draw(st.one_of(st.just(View.hide), st.frozensets(st.sampled_from(KINDS)))),
        colour=draw(st.sampled_from([Colour.KIND, Colour.AGE])),
        search=draw(st.sampled_from(["", "queue", "ENVS r1"])),
        node=draw(known),
    )


def by_server(graph: Graph, view: View, figures: Figures) -> dict[str, Any]:
    """The server's picture of a view."""
    groups = groups_of(graph)
    picture = draw(graph, groups, view)
    found = document(graph, picture, rows(graph, groups, picture, view, figures), view)
    return {"total": picture.shown.total, "held": picture.shown.held, **found}


def check_same(worker: Page, graph: Graph, views: list[View]) -> None:
    """Places may differ by what rounding does to the last of their digits."""
    ages: Figures = {each: number * 40 for number, each in enumerate(graph.nodes) if number % 3}
    data = carried(graph, None, {Colour.AGE: ages})
    answers = asked(worker, _VIEWS, data=data, queries=[each.query for each in views])
    for view, answer in zip(views, answers, strict=True):
        wanted = by_server(graph, view, ages if view.colour is Colour.AGE else {})
        assert read_view(parse_qsl(answer.pop("link"))) == view
        for mine, server in zip(answer["nodes"], wanted["nodes"], strict=True):
            del server["query"]
            assert all(abs(mine.pop(side) - server.pop(side)) < 0.11 for side in ("x", "y", "width", "height")), view
        assert answer["lines"] == [list(each) for each in wanted["lines"]], view
        assert answer == {**wanted, "lines": answer["lines"]}, view


@settings(max_examples=25)
@given(st.data())
def test_the_file_works_out_the_same_views_as_the_server(worker: Page, data: st.DataObject) -> None:
    graph = data.draw(repositories())
    check_same(worker, graph, [View(), *data.draw(st.lists(views_of(graph), min_size=3, max_size=6))])


@settings(max_examples=25)
@given(repositories())
def test_the_file_works_out_the_same_impact_as_the_server(worker: Page, graph: Graph) -> None:
    found = asked(worker, _IMPACTS, data=carried(graph, None, {}))
    assert found == [sorted(graph.impact(each)) for each in graph.nodes]


def test_what_does_not_fit_stays_closed_as_on_the_server(worker: Page) -> None:
    graph = many(modules=24, each=30)
    modules = tuple(each for each in graph.modules if each.startswith("modules/"))
    opened = View(open=modules)
    assert by_server(graph, opened, {})["held"]
    check_same(worker, graph, [View(), opened, View(impact="modules/m000:var.size")])


def test_what_is_of_one_type_stands_together_as_on_the_server(worker: Page) -> None:
    types = ("aws_vpc", "aws_subnet", "aws_sqs_queue")
    graph = graph_of({f"live/{folder}/main.tf": of_types(types, each=40) for folder in "ab"})
    queues = "live/a::resource::aws_sqs_queue"
    closed, opened = View(open=("live/a",)), View(open=("live/a", queues))
    assert [each["kind"] for each in by_server(graph, closed, {})["nodes"]].count(GroupKind.TYPE) == len(types)
    check_same(worker, graph, [closed, opened, View(focus=queues, node=queues)])


def of_types(types: Sequence[str], each: int) -> str:
    return "\n".join(f'resource "{type_}" "r{number}" {{}}' for type_ in types for number in range(each))


_WHERE = """id => {
  const stage = document.getElementById('map-stage').getBoundingClientRect();
  const { x, y } = document.querySelector('.canvas')._cyreg.cy.getElementById(id).renderedPosition();
  return [stage.x + x, stage.y + y];
}"""


# --- in use ----------------------------------------------------------------------------------------------------------


@dataclass
class Opened:
    """A page of its own in a browser without a network, and the graph that it is of."""

    page: Page
    graph: Graph

    def drawn(self) -> set[str]:
        """What is in the drawing."""
        return set(self.page.evaluate("document.querySelector('.canvas')._cyreg.cy.nodes().map((each) => each.id())"))

    def place_of(self, id_: str) -> tuple[float, float]:
        """Where the drawing shows something, in pixels of the page."""
        x, y = self.page.evaluate(_WHERE, id_)
        return x, y

    def listed(self) -> set[str]:
        """What is in the list."""
        rows = self.page.locator(".row .what").evaluate_all("(all) => all.map((each) => each.dataset.keep)")
        return {each.removeprefix("row ") for each in rows}


Open = Callable[..., Opened]


@pytest.fixture
def open_page(browser: Browser, watched: Callable[[BrowserContext], Page], tmp_path: Path) -> Iterator[Open]:
    """Opens a folder's map as a file; nothing may be asked of anybody, and nothing may stand in its console."""
    contexts: list[BrowserContext] = []

    def open_(folder: Path, language: str = "en", **look: Any) -> Opened:
        source = WorkingFolder(folder)
        graph = read_graph(source, {})
        ages = {each: 400.0 for each in graph.nodes if each.startswith("base")}
        file = tmp_path / "map.html"
        file.write_text(page_alone(graph, DAY, source.content, {Colour.AGE: ages}))
        wide = {"viewport": {"width": 1280, "height": 800}}
        contexts.append(browser.new_context(offline=True, locale=language, reduced_motion="reduce", **{**wide, **look}))
        page = watched(contexts[-1])
        page.goto(file.as_uri())
        expect(page.locator(".row").first).to_be_visible()
        return Opened(page, graph)

    yield open_
    for context in contexts:
        context.close()


TEAM = examples_folder() / "ivr" / "infra"


def test_the_file_is_searched_followed_and_linked_to(open_page: Open) -> None:
    opened = open_page(TEAM)
    page = opened.page
    assert {WEB, "base"} <= opened.drawn()
    page.get_by_label("Search the repository").fill("ecs_service web")
    expect(page.locator("#found h2")).to_have_text("Found: 1")
    page.locator("#found").get_by_role("link", name="aws_ecs_service.web").click()
    expect(page.locator("#map-node h2")).to_have_text("aws_ecs_service.web")
    lines = page.locator("#map-node .source li")
    expect(lines.first).to_contain_text('resource "aws_ecs_service" "web" {')
    node = opened.graph.nodes[WEB]
    assert lines.count() == node.end_line - node.line + 1
    expect(lines.first.locator(".no")).to_have_text(str(node.line))

    here = opened.place_of("staging:aws_ecs_service.api")
    page.mouse.click(*here)
    expect(page.locator("#map-node h2")).to_have_text("aws_ecs_service.api")
    assert opened.place_of("staging:aws_ecs_service.api") == pytest.approx(here, abs=2), "it stays under the mouse"
    page.go_back()
    expect(page.locator("#map-node h2")).to_have_text("aws_ecs_service.web")

    reached = opened.graph.impact(WEB)
    page.get_by_role("link", name=f"Impact: {len(reached)}").click()
    expect(page.locator(".bar .says")).to_contain_text(f"Everything that needs {WEB}: {len(reached)}.")
    assert {each for each in opened.listed() if each in opened.graph.nodes} - set(opened.graph.modules) == reached | {
        WEB
    }
    page.locator("#map-node").get_by_role("link", name="Focus").click()
    page.get_by_role("link", name="Steps: 1").click()
    expect(page.get_by_role("link", name="Steps: 1")).to_have_attribute("aria-current", "true")
    one = opened.drawn()
    assert WEB in one and "base" not in one
    address = page.url
    page.go_back()
    expect(page.get_by_role("link", name="Steps: 2")).to_have_attribute("aria-current", "true")
    assert one < opened.drawn()
    page.goto("about:blank")
    page.goto(address)
    expect(page.get_by_role("link", name="Steps: 1")).to_have_attribute("aria-current", "true")
    assert opened.drawn() == one


def test_the_file_opens_hides_colours_and_speaks(open_page: Open) -> None:
    opened = open_page(TEAM)
    page = opened.page
    page.locator(".row .what").first.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("link", name="Open base")).to_have_attribute("aria-expanded", "false")
    assert "base" in opened.drawn() and not any(each.startswith("base:") for each in opened.drawn())
    expect(page.locator("[data-keep='row base']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#map-node h2")).to_have_text("base")
    page.get_by_role("link", name="Open the group").click()
    page.get_by_text("Kinds", exact=True).click()
    page.get_by_role("link", name="Resources", exact=True).first.click()
    assert WEB not in opened.drawn()
    page.get_by_role("link", name="Age", exact=True).click()
    expect(page.locator(".legend")).to_contain_text("Days since the last change")
    assert page.get_by_role("link", name="Cost").count() == 0, "only a server knows it"
    page.get_by_role("button", name="日本語").click()
    expect(page.locator("h1")).to_have_text("infra の地図")
    page.reload()
    expect(page.locator("#map-list h2")).to_have_text("一覧")
    expect(page.locator("html")).to_have_attribute("lang", "ja")


def test_what_a_repository_says_stays_text(open_page: Open, tmp_path: Path) -> None:
    evil = "<script>document.title='gone'</script><img src=x onerror=alert(1)>"
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "main.tf").write_text(
        f'resource "{evil}" "x" {{\n  name = "{evil}"\n  tags = "\u202eturned"\n}}\n'
    )
    opened = open_page(tmp_path / "evil")
    opened.page.locator(".row .what", has_text="onerror").last.click()
    expect(opened.page.locator("#map-node h2")).to_have_text(f"{evil}.x")
    expect(opened.page.locator("#map-node .source")).to_contain_text(f'name = "{evil}"')
    expect(opened.page.locator("#map-node .source")).to_contain_text('tags = "\ufffdturned"')
    assert opened.page.locator("img").count() == 0
    assert opened.page.title() == "Map of evil"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_file_looks_right(open_page: Open, shot: Callable[[Page, str], None], language: str) -> None:
    opened = open_page(TEAM, language)
    for name, query in {"first": "", "node": f"node={WEB}", "focus": f"focus={WEB}&node={WEB}&colour=age"}.items():
        opened.page.goto(f"{opened.page.url.partition('#')[0]}#{query}")
        for look in looks(opened.page):
            shot(opened.page, f"inventory-alone-{name}-{look}-{language}")
