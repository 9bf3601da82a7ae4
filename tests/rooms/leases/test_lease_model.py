"""Pools: what is lent, in which order, and when nothing is left."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from butai.errors import RefusedError, WrongUseError
from butai.leases.model import (
    CidrPool,
    ListPool,
    Pool,
    PoolExhaustedError,
    Range,
    Subdomain,
    capacity,
    pick,
    refuse_lent,
    scope,
)

pytestmark = pytest.mark.model

PRIORITIES = Range(from_=100, to=130, step=10)
NETWORKS = CidrPool(supernet="10.32.0.0/12", prefix=20)


def fill(pool: Pool, taken: dict[str, str]) -> list[str]:
    """Take until nothing is left."""
    picked: list[str] = []
    while True:
        try:
            value = pick(pool, taken, "qa-1", pool_name="pool")
        except PoolExhaustedError:
            return picked
        picked.append(value)
        taken[value] = "ivr/qa-1"


def test_the_lowest_free_number_is_lent() -> None:
    assert fill(PRIORITIES, {}) == ["100", "110", "120", "130"]
    assert pick(PRIORITIES, {"100": "a", "120": "b"}, "qa-1", pool_name="p") == "110"


def test_a_list_is_lent_in_its_own_order() -> None:
    pool = ListPool(values=["050-5530-0111", "050-5530-0109"])
    assert fill(pool, {}) == ["050-5530-0111", "050-5530-0109"]


def test_the_lowest_free_block_is_lent() -> None:
    assert pick(NETWORKS, {}, "qa-1", pool_name="p") == "10.32.0.0/20"
    assert pick(NETWORKS, {"10.32.0.0/20": "a", "10.32.32.0/20": "b"}, "qa-1", pool_name="p") == "10.32.16.0/20"


def test_a_host_name_comes_from_the_environments_name() -> None:
    assert pick(Subdomain(domain="ivr.localhost"), {}, "qa-1", pool_name="p") == "qa-1.ivr.localhost"
    assert pick(Subdomain(domain="ivr.localhost", suffix="api"), {}, "qa-1", pool_name="p") == "qa-1-api.ivr.localhost"


def test_a_host_name_that_is_lent_says_to_whom() -> None:
    taken = {"qa-1-api.ivr.localhost": "ivr/qa-1"}
    with pytest.raises(PoolExhaustedError) as caught:
        pick(Subdomain(domain="ivr.localhost"), taken, "qa-1-api", pool_name="subdomain")
    assert caught.value.code == "host-name-taken"
    assert "ivr/qa-1" in caught.value.what


def test_an_empty_pool_says_how_many_there_are_and_who_holds_them() -> None:
    taken = {str(number): f"ivr/qa-{number}" for number in PRIORITIES.numbers}
    with pytest.raises(PoolExhaustedError) as caught:
        pick(PRIORITIES, taken | {"9": "ivr/old"}, "qa-1", pool_name="listener_priority")
    error = caught.value
    assert error.code == "pool-exhausted"
    assert (error.status, int(error.exit)) == (409, 3)
    assert "`listener_priority`" in error.what
    assert "4 in all" in error.what
    assert "100 by ivr/qa-100" in error.why
    assert "ivr/old" not in error.why  # it holds nothing of this pool
    assert "butai.yaml" in error.next


def test_only_some_holders_are_listed() -> None:
    pool = Range(from_=1, to=50)
    with pytest.raises(PoolExhaustedError, match="and 45 more"):
        pick(pool, {str(n): "x" for n in pool.numbers}, "qa-1", pool_name="p")


def test_a_wholly_excluded_network_names_no_holder() -> None:
    pool = CidrPool(supernet="10.0.0.0/24", prefix=26, exclude=["10.0.0.0/16"])
    assert capacity(pool) == 0
    with pytest.raises(PoolExhaustedError, match="the pool itself is empty"):
        pick(pool, {}, "qa-1", pool_name="p")


def test_a_pool_that_shrank_ignores_what_lies_outside() -> None:
    assert pick(Range(from_=100, to=110), {"100": "a", "500": "b"}, "qa-1", pool_name="p") == "101"


def test_a_larger_block_of_an_older_declaration_stays_in_the_way() -> None:
    pool = CidrPool(supernet="10.0.0.0/22", prefix=24)
    assert pick(pool, {"10.0.0.0/23": "a"}, "qa-1", pool_name="p") == "10.0.2.0/24"
    assert pick(pool, {"10.0.1.128/25": "b", "10.0.0.0/28": "c"}, "qa-1", pool_name="p") == "10.0.2.0/24"


def test_a_large_supernet_is_not_searched_block_by_block() -> None:
    pool = CidrPool(supernet="fd00::/16", prefix=64, exclude=["fd00::/17"])
    assert pick(pool, {}, "qa-1", pool_name="p") == "fd00:8000::/64"
    assert capacity(pool) == 2**47


def test_version_4_blocks_do_not_stand_in_the_way_of_version_6() -> None:
    pool = CidrPool(supernet="::/96", prefix=112)
    assert pick(pool, {"0.0.0.0/8": "a", "::/112": "b"}, "qa-1", pool_name="p") == "::1:0/112"


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (PRIORITIES, 4),
        (NETWORKS, 256),
        (CidrPool(supernet="10.0.0.0/22", prefix=24, exclude=["10.0.1.7/32"]), 3),
        (ListPool(values=["a", "b"]), 2),
        (Subdomain(domain="ivr.localhost"), None),
    ],
)
def test_capacity(pool: Pool, expected: int | None) -> None:
    assert capacity(pool) == expected


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (PRIORITIES, "ivr/p"),
        (ListPool(values=["a"]), "ivr/p"),
        (NETWORKS, "networks"),
        (Subdomain(domain="ivr.localhost"), "hosts"),
    ],
)
def test_scope(pool: Pool, expected: str) -> None:
    assert scope(pool, "ivr", "p") == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Range(from_=10, to=9), "lies before"),
        (lambda: Range(from_=1, to=9, step=0), "greater than or equal to 1"),
        (lambda: CidrPool(supernet="10.40.0.0/12", prefix=20), "did you mean `10.32.0.0/12`"),
        (lambda: CidrPool(supernet="10.32.0.0/12", prefix=8), "between 12 and 32"),
        (lambda: CidrPool(supernet="10.32.0.0/12", prefix=33), "between 12 and 32"),
        (lambda: CidrPool(supernet="10.32.0.0/12", prefix=20, exclude=["fd00::/8"]), "another IP version"),
        (lambda: CidrPool(supernet="ten", prefix=20), "CIDR notation"),
        (lambda: ListPool(values=["a", " a "]), "twice"),
        (lambda: ListPool(values=[]), "at least 1"),
        (lambda: Subdomain(domain="-x.localhost"), "pattern"),
        (lambda: Subdomain(domain="ivr.localhost", suffix="a.b"), "pattern"),
    ],
)
def test_a_wrong_declaration_is_refused(make: Callable[[], Pool], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make()


ranges = st.builds(
    lambda low, extra, step: Range(from_=low, to=low + extra, step=step),
    st.integers(0, 500),
    st.integers(0, 60),
    st.integers(1, 20),
)


@st.composite
def blocks(draw: st.DrawFn, shortest: int = 22) -> str:
    prefix = draw(st.integers(shortest, 30))
    address = ipaddress.IPv4Address("10.0.0.0") + draw(st.integers(0, 2047))
    return str(ipaddress.ip_network((int(address), prefix), strict=False))


@given(ranges, st.sets(st.integers(0, 600)))
def test_numbers_are_lent_once_each_and_exactly_until_the_pool_is_full(pool: Range, before: set[int]) -> None:
    taken = {str(number): "x" for number in before}
    picked = fill(pool, taken)
    assert picked == [str(number) for number in pool.numbers if number not in before]


@given(st.lists(st.text("abc", min_size=1), min_size=1, unique=True), st.data())
def test_things_are_lent_once_each_and_exactly_until_the_list_is_empty(values: list[str], data: st.DataObject) -> None:
    before = data.draw(st.sets(st.sampled_from([*values, "other"])))
    assert fill(ListPool(values=values), dict.fromkeys(before, "x")) == [v for v in values if v not in before]


@given(st.integers(23, 28), st.lists(blocks(), max_size=4), st.lists(blocks(), max_size=4))
def test_blocks_never_overlap_and_run_out_exactly_when_full(prefix: int, exclude: list[str], before: list[str]) -> None:
    pool = CidrPool(supernet="10.0.0.0/22", prefix=prefix, exclude=exclude)
    picked = [ipaddress.ip_network(value) for value in fill(pool, dict.fromkeys(before, "x"))]
    assert all(block.prefixlen == prefix for block in picked)
    assert not any(one.overlaps(other) for one, other in combinations(picked, 2))
    blocked = [ipaddress.ip_network(block) for block in exclude + before]
    assert picked == [
        block
        for block in ipaddress.ip_network("10.0.0.0/22").subnets(new_prefix=prefix)
        if not any(block.overlaps(other) for other in blocked)
    ]


@given(st.integers(23, 28), st.lists(blocks(), max_size=4))
def test_capacity_is_what_an_untouched_pool_lends(prefix: int, exclude: list[str]) -> None:
    pool = CidrPool(supernet="10.0.0.0/22", prefix=prefix, exclude=exclude)
    assert capacity(pool) == len(fill(pool, {}))


def test_what_an_environment_has_already_is_refused_only_where_it_is_another_ones() -> None:
    refuse_lent(PRIORITIES, "100", {"110": "ivr/qa-1"}, pool_name="p")
    refuse_lent(PRIORITIES, "7", {"110": "ivr/qa-1"}, pool_name="p")
    with pytest.raises(RefusedError, match="lent to ivr/qa-1"):
        refuse_lent(PRIORITIES, "110", {"110": "ivr/qa-1"}, pool_name="p")
    with pytest.raises(WrongUseError, match="no network"):
        refuse_lent(NETWORKS, "10.32.0.1/20", {"10.33.0.0/20": "ivr/qa-1"}, pool_name="p")


@given(st.integers(12, 24), st.integers(0, 2**12 - 1), st.integers(12, 24), st.integers(0, 2**12 - 1))
def test_a_network_that_overlaps_another_ones_is_refused(one: int, first: int, other: int, second: int) -> None:
    mine, theirs = (
        ipaddress.ip_network(
            (int(ipaddress.ip_address("10.0.0.0")) + (start << 12) & ~((1 << 32 - length) - 1), length)
        )
        for length, start in ((one, first), (other, second))
    )
    if mine.overlaps(theirs):
        with pytest.raises(RefusedError):
            refuse_lent(NETWORKS, str(mine), {str(theirs): "ivr/qa-1"}, pool_name="p")
    else:
        refuse_lent(NETWORKS, str(mine), {str(theirs): "ivr/qa-1"}, pool_name="p")
