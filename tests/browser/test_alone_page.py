"""The map as a file, in a browser without a network: it works out the same views as the server, and is used like its map."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
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
    assert by_server(graph, opened := View(open=modules), {})["held"]
    check_same(worker, graph, [View(), opened, View(impact="modules/m000:var.size")])
