"""A view stands whole in its address, and shows what it says: never more than can be seen."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.inventory.groups import GroupKind, groups_of
from butai.inventory.model import Graph
from butai.inventory.picture import draw, rows, search
from butai.inventory.shown import MOST, Shown, show
from butai.inventory.view import HIDDEN, KINDS, MOST_STEPS, Colour, View, read_view
from support.written import graph_of, many

pytestmark = pytest.mark.model

WORDS = st.text(st.characters(codec="utf-8"), max_size=30)
IDS = WORDS.filter(bool)
TEAM = {
    "envs/qa/main.tf": """
        variable "size" { default = 1 }
        locals { name = "qa-${var.size}" }
        module "redis" {
          source = "../../modules/redis"
          name   = local.name
        }
        provider "aws" { region = "eu-west-1" }
        resource "aws_ecs_service" "web" { name = module.redis.address }
        output "web" { value = aws_ecs_service.web.name }
    """,
    "envs/live/main.tf": 'resource "aws_sqs_queue" "calls" { name = "calls" }',
    "modules/redis/main.tf": """
        variable "name" {}
        resource "aws_elasticache_cluster" "this" { cluster_id = var.name }
        output "address" { value = aws_elasticache_cluster.this.address }
    """,
}


@pytest.fixture(scope="module")
def team() -> Graph:
    return graph_of(TEAM)


@pytest.fixture(scope="module")
def large() -> Graph:
    """Some 20,000 nodes."""
    return many(modules=200, each=98)


def shown(graph: Graph, view: View) -> Shown:
    return show(graph, groups_of(graph), view)


def ids(found: Shown) -> set[str]:
    return {each.id for each in found.cards}


@st.composite
def views(draw: st.DrawFn) -> View:
    focus = draw(WORDS)
    return View(
        open=tuple(draw(st.lists(IDS, max_size=4, unique=True))),
        shut=tuple(draw(st.lists(IDS, max_size=4, unique=True))),
        focus=focus,
        steps=draw(st.integers(1, MOST_STEPS)),
        impact="" if focus else draw(WORDS),
        hide=draw(st.one_of(st.just(HIDDEN), st.frozensets(st.sampled_from(KINDS)))),
        colour=draw(st.sampled_from(list(Colour))),
        search=draw(WORDS).strip(),
        node=draw(WORDS),
        commit=draw(WORDS),
    )


@given(views())
def test_a_view_is_what_its_address_says(view: View) -> None:
    assert read_view(parse_qsl(view.query)) == view
    assert read_view(view.pairs) == view


@given(st.lists(st.tuples(st.sampled_from(["open", "steps", "hide", "colour", "focus", "impact", "x"]), WORDS)))
def test_an_address_that_means_nothing_is_a_view_all_the_same(pairs: list[tuple[str, str]]) -> None:
    view = read_view(pairs)
    assert 1 <= view.steps <= MOST_STEPS and not (view.focus and view.impact)


def test_the_first_view_has_an_empty_address() -> None:
    assert View().query == ""
    assert View(hide=frozenset()).query == "hide=nothing"


@given(views(), IDS)
def test_what_was_opened_can_be_closed_and_the_other_way(view: View, group: str) -> None:
    assert group in view.opened(group).open and group not in view.opened(group).shut
    assert group in view.closed(group).shut and group not in view.closed(group).open
    assert view.toggled("data").toggled("data") == view


def test_a_small_repository_is_open_but_for_what_says_little(team: Graph) -> None:
    found = shown(team, View())
    assert {"envs/qa", "envs/qa:aws_ecs_service.web", "modules/redis:aws_elasticache_cluster.this"} <= ids(found)
    assert "envs/qa:provider.aws" not in ids(found), "hidden until somebody asks"
    one_alone = {"envs/qa:var.size", "envs/qa:local.name", "envs/qa:output.web"}
    assert one_alone <= ids(found), "a group of one would hide a name and save no room"


def test_lines_join_what_is_visible_and_count_what_they_stand_for(team: Graph) -> None:
    closed = shown(team, View(shut=("envs/qa", "modules/redis")))
    [line] = closed.lines
    # The call, and the output that is read through it. What is given to a variable would lead back.
    assert (line.source, line.target, line.weight) == ("envs/qa", "modules/redis", 2)
    opened = {(each.source, each.target): each.is_given for each in shown(team, View()).lines}
    assert opened["envs/qa:aws_ecs_service.web", "modules/redis:output.address"] is False
    assert opened["modules/redis:var.name", "envs/qa:local.name"] is True


def test_a_module_stands_to_the_right_of_its_caller(team: Graph) -> None:
    places = draw(team, groups_of(team), View()).layout
    assert places.turned == frozenset()
    assert places.places["envs/"].x < places.places["modules/redis"].x


def test_a_folder_closes_with_what_is_in_it(team: Graph) -> None:
    found = shown(team, View(shut=("envs/",)))
    [area] = [each for each in found.cards if each.id == "envs/"]
    assert (area.group, area.is_open, area.count) == (GroupKind.AREA, False, 6)
    assert not any(each.id.startswith("envs/qa") for each in found.cards)


def test_focus_shows_what_is_around_and_nothing_else(team: Graph) -> None:
    one = {each.id for each in shown(team, View(focus="envs/qa:local.name", steps=1)).cards if each.group is None}
    assert one == {"envs/qa:local.name", "envs/qa:var.size", "envs/qa:module.redis", "modules/redis:var.name"}
    two = shown(team, View(focus="envs/qa:local.name", steps=2))
    assert "modules/redis:aws_elasticache_cluster.this" in ids(two) and "envs/live:aws_sqs_queue.calls" not in ids(two)
    assert two.distance["modules/redis:aws_elasticache_cluster.this"] == 2


def test_focus_on_a_folder_has_what_is_in_it(team: Graph) -> None:
    found = shown(team, View(focus="modules/redis", steps=1))
    assert {"modules/redis:var.name", "modules/redis:output.address", "envs/qa:aws_ecs_service.web"} <= ids(found)


def test_impact_is_everything_that_needs_it(team: Graph) -> None:
    start = "modules/redis:aws_elasticache_cluster.this"
    found = {each.id for each in shown(team, View(impact=start)).cards if each.group is None}
    assert found == team.impact(start) | {start}


def test_hidden_kinds_are_not_there(team: Graph) -> None:
    found = shown(team, View(hide=frozenset({"resource", "data"})))
    assert not any("aws_" in each for each in ids(found)) and "envs/qa:provider.aws" in ids(found)


def test_search_finds_by_every_word(team: Graph) -> None:
    assert [each.id for each in search(team, "REDIS cluster").nodes] == ["modules/redis:aws_elasticache_cluster.this"]
    assert search(team, "envs/live/main.tf").total == 1
    assert search(team, "  ").total == search(team, "nowhere").total == 0


def test_a_search_is_marked_in_rows_and_in_the_groups_above(team: Graph) -> None:
    groups, view = groups_of(team), View(search="elasticache", shut=("modules/redis",))
    found = {each.card.id: each.found for each in rows(team, groups, draw(team, groups, view), view, {})}
    assert found["modules/redis"] == 1 and found["envs/qa"] == 0


def test_twenty_thousand_nodes_are_collapsed(large: Graph) -> None:
    assert len(large.nodes) > 20_000
    found = shown(large, View())
    assert sum(each.drawn for each in found.cards) <= 120
    assert all(not each.is_open for each in found.cards if each.group in {GroupKind.ROOT, GroupKind.MODULE})
    assert found.total > 20_000 and not found.held


def test_opening_one_group_closes_no_other(large: Graph) -> None:
    before = shown(large, View())
    opened = shown(large, View(open=("modules/",)))
    assert {each.id for each in before.cards if each.is_open} == {"envs/"}
    assert {each.id for each in opened.cards if each.is_open} == {"envs/", "modules/"}


def test_never_more_than_can_be_seen_and_the_page_is_told(large: Graph) -> None:
    modules = tuple(each for each in large.modules if each.startswith("modules/"))
    picture = draw(large, groups_of(large), View(open=modules))
    assert 300 < sum(each.drawn for each in picture.shown.cards) <= MOST
    assert picture.shown.held and set(picture.shown.held) <= set(groups_of(large).by_id)
    assert len(picture.layout.places) == sum(each.drawn for each in picture.shown.cards)


@given(st.data())
def test_whatever_is_asked_for_the_list_and_the_lines_hold_together(team: Graph, data: st.DataObject) -> None:
    groups = groups_of(team)
    known = st.sampled_from([*(each for each in groups.by_id if each), *groups.above])
    view = View(
        open=tuple(data.draw(st.lists(known, max_size=5, unique=True))),
        shut=tuple(data.draw(st.lists(known, max_size=5, unique=True))),
        focus=data.draw(st.one_of(st.just(""), known)),
        hide=data.draw(st.frozensets(st.sampled_from(KINDS))),
    )
    found = show(team, groups, view)
    drawn = {each.id for each in found.cards if each.drawn}
    assert len(found.cards) == len(ids(found))
    assert {end for line in found.lines for end in (line.source, line.target)} <= drawn
    # A node is visible, or counted by one closed group.
    closed = [each for each in found.cards if each.group is not None and not each.is_open]
    assert found.nodes + sum(each.count for each in closed) == found.total
    for card in found.cards:
        assert card.level == len(list(groups.around(card.id)))
        assert all(found.is_open(above) for above in groups.around(card.id))


def test_many_of_one_kind_open_to_their_types() -> None:
    types = {"aws_vpc": 1, "aws_subnet": 40, "aws_sqs_queue": 70}
    blocks = [f'resource "{each}" "r{number}" {{}}' for each, count in types.items() for number in range(count)]
    graph = graph_of({"live/main.tf": "\n".join(blocks)})
    first = shown(graph, View())
    assert {"live", "live::resource::aws_subnet"} <= ids(first) and "live:aws_subnet.r1" in ids(first)
    graph = graph_of({"live/main.tf": "\n".join(blocks), "qa/main.tf": "\n".join(blocks)})
    opened = shown(graph, View(open=("live",)))
    inside = [each for each in opened.cards if each.above == "live"]
    assert [(each.id, each.group, each.count, each.drawn) for each in inside] == [
        ("live::resource", GroupKind.KIND, 111, False),
        ("live:aws_vpc.r0", None, 1, True),
        ("live::resource::aws_subnet", GroupKind.TYPE, 40, True),
        ("live::resource::aws_sqs_queue", GroupKind.TYPE, 70, True),
    ]
    queues = shown(graph, View(open=("live", "live::resource::aws_sqs_queue")))
    assert "live:aws_sqs_queue.r0" in ids(queues) and "live:aws_subnet.r0" not in ids(queues)


def test_types_of_which_there_is_one_are_no_groups() -> None:
    groups = groups_of(many(modules=1, each=90))
    assert not [each for each in groups.by_id.values() if each.kind is GroupKind.TYPE]
