"""What an environment's runs made and what became of it: what a destroy must account for, what is an orphan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.environments.ledger import Change, Creation, Known, compare, is_state_only, unresolved

pytestmark = pytest.mark.model


def made(address: str, id_: str = "i-1") -> list[Change]:
    return [Change("started", "create", address, "t"), Change("done", "create", address, "t", id_)]


def gone(address: str, id_: str = "") -> list[Change]:
    return [Change("started", "delete", address, "t", id_), Change("done", "delete", address, "t", id_)]


def test_a_creation_with_its_deletion_is_accounted_for() -> None:
    assert unresolved([*made("a"), *gone("a")]) == []
    assert unresolved(made("a")) == [Creation("a", "t", "i-1")]


def test_a_replacement_leaves_the_new_one_open() -> None:
    create_first = [*made("a", "old"), *made("a", "new"), *gone("a")]
    assert unresolved(create_first) == [Creation("a", "t", "new")]
    destroy_first = [*made("a", "old"), *gone("a"), *made("a", "new")]
    assert unresolved(destroy_first) == [Creation("a", "t", "new")]


def test_a_start_without_an_end_may_have_made_something() -> None:
    assert unresolved([Change("started", "create", "a", "t")]) == [Creation("a", "t", "")]
    # The engine saw this failure itself; what came of it stands in the state.
    assert unresolved([Change("started", "create", "a", "t"), Change("failed", "create", "a", "t")]) == []


def test_what_a_killed_apply_began_is_not_forgotten_when_it_is_made_again() -> None:
    killed = Change("started", "create", "a", "t", run=1)
    again = [Change("started", "create", "a", "t", run=2), Change("done", "create", "a", "t", "i-2", run=2)]
    away = [Change("done", "delete", "a", "t", run=3)]
    assert unresolved([killed, *again]) == [Creation("a", "t", "", 1), Creation("a", "t", "i-2", 2)]
    assert unresolved([killed, *again, *away]) == [Creation("a", "t", "", 1)]


def test_a_deletion_that_failed_resolves_nothing() -> None:
    failed = [*made("a"), Change("started", "delete", "a", "t", "i-1"), Change("failed", "delete", "a", "t")]
    assert unresolved(failed) == [Creation("a", "t", "i-1")]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=20))
def test_what_is_left_is_what_was_made_and_not_deleted(history: list[tuple[str, bool]]) -> None:
    changes: list[Change] = []
    living: dict[str, str] = {}
    for number, (address, create) in enumerate(history):
        if create and address not in living:
            living[address] = str(number)
            changes += made(address, str(number))
        elif not create and address in living:
            changes += gone(address)
            del living[address]
    assert {each.address: each.id for each in unresolved(changes)} == living


def begun(address: str, run: int) -> Change:
    return Change("started", "create", address, "t", run=run)


def test_a_failure_that_no_provider_answered_may_have_made_something() -> None:
    changes = [begun("a", 1), Change("failed", "create", "a", "t", run=1)]
    assert unresolved(changes) == []
    assert unresolved([*changes, Change("unanswered", "create", "a", "", run=1)]) == [Creation("a", "t", "", 1)]


def test_what_was_learnt_later_settles_what_was_only_begun() -> None:
    killed = begun("a", 1)
    assert unresolved([killed, Change("gone", "", "a", "t", run=2, begun_in=1)]) == []
    found = Change("found", "", "a", "t", "i-1", run=2, begun_in=1)
    assert unresolved([killed, found]) == [Creation("a", "t", "", 1, found="i-1")]
    adopted = Change("adopted", "", "a", "t", "i-1", run=2, begun_in=1)
    assert unresolved([killed, adopted]) == [Creation("a", "t", "i-1", 1)]
    assert unresolved([killed, adopted, *gone("a", "i-1")]) == []


def test_what_was_moved_is_deleted_under_its_new_address() -> None:
    assert unresolved([*made("a"), *gone("b", "i-1")]) == []


def test_a_deletion_names_the_id_only_where_it_starts() -> None:
    away = [Change("started", "delete", "a", "t", "new", run=3), Change("done", "delete", "a", "t", run=3)]
    assert unresolved([*made("a", "old"), *made("a", "new"), *away]) == [Creation("a", "t", "old")]


def test_what_a_person_ruled_out_is_not_asked_for_again() -> None:
    forgotten = [{"address": "a", "id": "", "run": 1}]
    assert unresolved([begun("a", 1)], forgotten) == []
    assert unresolved([begun("a", 2)], forgotten) == [Creation("a", "t", "", 2)], "a later one is another thing"


def test_the_state_accounts_for_what_it_has_and_for_nothing_else() -> None:
    known = [Known("a", "t", "i-1"), Known("c", "t", "i-3")]
    one, moved, lost = Creation("a", "t", "i-1"), Creation("b", "t", "i-3"), Creation("a", "t", "i-0")
    assert compare([one, moved, lost], known).missing == [lost]


def test_a_creation_without_an_id_is_what_the_state_has_only_where_nothing_else_explains_that() -> None:
    unnamed = Creation("a", "t", "", 1)
    told = compare([unnamed], [Known("a", "t", "i-1")])
    assert (told.adopted, told.missing) == ([Creation("a", "t", "i-1", 1)], [])
    again = Creation("a", "t", "i-1", 2)
    assert compare([unnamed, again], [Known("a", "t", "i-1")]).missing == [unnamed]


creations = st.lists(
    st.builds(Creation, st.sampled_from("ab"), st.just("t"), st.sampled_from(["", "1", "2"]), st.integers(1, 4)),
    unique_by=lambda each: (each.address, each.id or each.run),
    max_size=6,
)


@given(creations, st.lists(st.builds(Known, st.sampled_from("ab"), st.just("t"), st.sampled_from("123")), max_size=4))
def test_nothing_is_lost_between_state_and_orphans(open_: list[Creation], state: list[Known]) -> None:
    told = compare(open_, state)
    ids = {each.id for each in state}
    named_and_known = [each for each in open_ if each.id in ids]
    assert len(told.adopted) + len(told.missing) + len(named_and_known) == len(open_)
    assert all(each.id in ids for each in told.adopted)
    assert all(each.id not in ids for each in told.missing)


def test_what_is_nowhere_but_in_a_state() -> None:
    assert all(is_state_only(each) for each in ("terraform_data", "null_resource", "random_id", "tls_private_key"))
    assert not any(is_state_only(each) for each in ("aws_s3_bucket", "terraform_remote_state", "random", "aws_time_x"))
