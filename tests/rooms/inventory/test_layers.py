"""Where things stand on a map: everything has one place of its own, and what is needed stands to the right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.inventory.layers import Item, Layout, Place, arrange

pytestmark = pytest.mark.model

Edges = list[tuple[str, str]]


@st.composite
def pictures(draw: st.DrawFn) -> tuple[list[Item], Edges]:
    """Items, some of them boxes in boxes, and any edges between them."""
    count = draw(st.integers(1, 14))
    # Each stands in one that comes before it, or at the top.
    above = [draw(st.integers(-1, number - 1)) for number in range(count)]

    def inside(box: int) -> tuple[Item, ...]:
        return tuple(Item(f"n{number}", inside(number)) for number in range(count) if above[number] == box)

    ends = st.integers(0, count - 1).map(lambda number: f"n{number}")
    return list(inside(-1)), draw(st.lists(st.tuples(ends, ends), max_size=30))


def flat(items: Sequence[Item], within: Sequence[str] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every item with the boxes it is in, the outermost first."""
    for item in items:
        yield item.id, tuple(within)
        yield from flat(item.inside, (*within, item.id))


def overlap(one: Place, other: Place) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def beside(around: dict[str, tuple[str, ...]], source: str, target: str) -> tuple[str, str] | None:
    """What stands in one box, of the ways in to two items; none where one is in the other."""
    one, other = (*around[source], source), (*around[target], target)
    for here, there in zip(one, other, strict=False):
        if here != there:
            return here, there
    return None


@given(pictures())
def test_everything_has_a_place_of_its_own_and_boxes_hold_what_is_in_them(picture: tuple[list[Item], Edges]) -> None:
    items, edges = picture
    layout = arrange(items, edges)
    around = dict(flat(items))
    assert set(layout.places) == set(around)
    ids = sorted(around)
    for index, one in enumerate(ids):
        for other in ids[index + 1 :]:
            if one in around[other] or other in around[one]:
                box, inner = (one, other) if one in around[other] else (other, one)
                assert holds(layout.places[box], layout.places[inner])
            else:
                assert not overlap(layout.places[one], layout.places[other]), (one, other)


def holds(box: Place, inner: Place) -> bool:
    return (
        box.x < inner.x
        and box.y < inner.y
        and inner.x + inner.width < box.x + box.width
        and inner.y + inner.height < box.y + box.height
    )


@given(pictures())
def test_edges_lead_to_the_right_but_for_those_that_close_a_circle(picture: tuple[list[Item], Edges]) -> None:
    items, edges = picture
    layout = arrange(items, edges)
    around = dict(flat(items))
    pairs = {pair for edge in edges if (pair := beside(around, *edge))}
    assert layout.turned <= pairs
    for source, target in pairs - layout.turned:
        assert layout.places[source].x + layout.places[source].width < layout.places[target].x
    assert len(layout.turned) < len(pairs) or not pairs


@given(st.integers(1, 12), st.data())
def test_where_there_is_no_circle_no_edge_leads_back(count: int, data: st.DataObject) -> None:
    ends = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).map(sorted)
    edges = [(f"n{one}", f"n{other}") for one, other in data.draw(st.lists(ends)) if one != other]
    items = [Item(f"n{number}") for number in data.draw(st.permutations(range(count)))]
    assert arrange(items, edges).turned == frozenset()


@given(pictures(), st.randoms(use_true_random=False))
def test_the_same_picture_is_drawn_every_time(picture: tuple[list[Item], Edges], random: object) -> None:
    items, edges = picture
    again = list(edges)
    random.shuffle(again)  # type: ignore[attr-defined]
    assert arrange(items, edges) == arrange(items, again)


def test_a_chain_is_a_row() -> None:
    layout = arrange([Item(name) for name in "abc"], [("a", "b"), ("b", "c")])
    assert len({place.y for place in layout.places.values()}) == 1
    assert sorted("abc", key=lambda name: layout.places[name].x) == ["a", "b", "c"]


def test_what_is_joined_stands_at_one_height() -> None:
    """Two pairs do not cross, whatever order they come in."""
    layout = arrange([Item(name) for name in "abcd"], [("a", "d"), ("b", "c")])
    assert height(layout, "a") == height(layout, "d") != height(layout, "b") == height(layout, "c")


def height(layout: Layout, name: str) -> float:
    return layout.places[name].y


def test_hundreds_without_an_edge_are_no_tower() -> None:
    places = arrange([Item(f"n{number}") for number in range(400)], []).places.values()
    width = max(place.x + place.width for place in places)
    assert 0.5 < width / max(place.y + place.height for place in places) < 3


def test_hundreds_that_need_one_are_no_tower() -> None:
    edges = [(f"n{number}", "vpc") for number in range(400)]
    places = arrange([Item("vpc"), *(Item(f"n{number}") for number in range(400))], edges).places.values()
    width = max(place.x + place.width for place in places)
    assert 0.5 < width / max(place.y + place.height for place in places) < 3


def test_nothing_is_an_empty_picture() -> None:
    assert arrange([], []) == Layout({}, frozenset())
