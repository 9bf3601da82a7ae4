"""What is counted from a history at a moment: churn, ages, weeks, who knows a thing, what changes together."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.history.figures import Figures
from butai.history.knowledge import Knower, bus_factor
from butai.history.model import (
    DAY_S,
    WEEK_S,
    Change,
    Commit,
    Count,
    History,
    Rules,
    Signature,
    Story,
    Week,
    activity,
    age,
    decay,
    together,
    week_of,
    weight,
)

pytestmark = pytest.mark.model

NOW = 20_000 * DAY_S
AIKO, BEN, CHIE, BOT = range(4)
SIGNATURES = (
    Signature("Aiko Sato", "aiko@example.org", 9, NOW - 900 * DAY_S, NOW - DAY_S),
    Signature("Ben", "ben@example.org", 9, NOW - 900 * DAY_S, NOW - 400 * DAY_S),
    Signature("Chie", "chie@example.org", 9, NOW - 900 * DAY_S, NOW - 2 * DAY_S),
    Signature("Renovate Bot", "bot@renovateapp.com", 99, NOW - 900 * DAY_S, NOW),
)


class Told:
    """A history that is told commit by commit, oldest first."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self.changes: dict[str, list[Change]] = {}

    def commit(
        self,
        author: int,
        days_ago: float,
        *blocks: str,
        others: Sequence[int] = (),
        files: int = 1,
        ignored: bool = False,
    ) -> None:
        """A commit that writes two lines and takes one away of each block, or makes it."""
        at = NOW - round(days_ago * DAY_S)
        number = len(self.commits)
        self.commits.append(Commit(f"{number:040x}", at, author, tuple(others), "Change", files, ignored))
        for block in blocks:
            known = self.changes.setdefault(block, [])
            known.insert(0, Change(number, 2, 0 if not known else 1, not known))

    def history(self, shallow: bool = False) -> History:
        """A block `x/a` is in the file `x.tf`, and a file changes with each of its blocks."""
        blocks = {name: Story(f"{name.split('/')[0]}.tf", 1, 9, tuple(each)) for name, each in self.changes.items()}
        paths = {story.path for story in blocks.values()}
        files = {
            path: Story(path, 0, 0, together(each for each in blocks.values() if each.path == path).changes)
            for path in paths
        }
        weeks: tuple[Week, ...] = ()
        return History("c" * 40, shallow, False, ("", ""), SIGNATURES, tuple(self.commits), blocks, files, weeks)


def knower(found: Sequence[Knower], name: str) -> Knower:
    return next(each for each in found if each.person.name == name)


def test_churn_counts_changes_and_lines_in_windows() -> None:
    told = Told()
    told.commit(AIKO, 800, "a/x")
    told.commit(AIKO, 200, "a/x")
    told.commit(BOT, 31, "a/x")
    told.commit(AIKO, 10, "a/x", ignored=True)
    told.commit(BEN, 29, "a/x")
    churn = Figures(told.history(), NOW).block("a/x").churn
    assert churn.within == {30: Count(1, 3), 90: Count(2, 6), 365: Count(3, 9)}
    assert churn.ever == Count(4, 11)


def test_age_is_that_of_the_first_and_the_last_change() -> None:
    told = Told()
    told.commit(AIKO, 300, "a/x", ignored=True)
    told.commit(BEN, 200, "a/x")
    told.commit(BEN, 100, "a/x", ignored=True)
    history = told.history()
    found = age(history, history.blocks["a/x"])
    assert found and (found.first, found.last, found.at_least) == (NOW - 300 * DAY_S, NOW - 200 * DAY_S, False)
    part = Story("a.tf", 1, 9, history.blocks["a/x"].changes[:2])
    assert (cut := age(history, part)) and cut.at_least and cut.first == NOW - 200 * DAY_S
    assert age(history, Story("a.tf", 1, 9, ())) is None
    assert history.blocks["a/x"].whole and not part.whole


def test_several_things_are_one_that_began_with_the_first_of_them() -> None:
    told = Told()
    told.commit(AIKO, 9, "a/x")
    told.commit(AIKO, 8, "a/y", "a/x")
    found = together(told.history().blocks.values())
    assert found.changes == (Change(1, 4, 1, False), Change(0, 2, 0, True))


def test_weeks_have_no_holes() -> None:
    monday = week_of(NOW)
    assert monday <= NOW < monday + WEEK_S and (monday // DAY_S + 3) % 7 == 0
    told = Told().history()
    assert activity(told, NOW) == []
    known = (Week(monday - 3 * WEEK_S, 4, 1, 2), Week(monday - WEEK_S, 1, 0, 1))
    weeks = Figures(History(**{**told.__dict__, "weeks": known}), NOW).activity()
    assert [each.start for each in weeks] == [monday - back * WEEK_S for back in (3, 2, 1, 0)]
    assert [each.commits for each in weeks] == [4, 0, 1, 0]


@given(st.integers(-(10**10), 10**10))
def test_a_week_begins_on_a_monday(at: int) -> None:
    start = week_of(at)
    assert start <= at < start + WEEK_S and (start // DAY_S + 3) % 7 == 0


def test_a_mass_commit_counts_little_and_an_ignored_one_nothing() -> None:
    rules = Rules()
    plain = Commit("c", 0, 0, (), "", 20, False)
    assert weight(plain, rules) == 1.0
    assert weight(plain._replace(files=21), rules) == 1 / 21
    assert weight(plain._replace(ignored=True), rules) == 0.0
    assert decay(NOW - 365 * DAY_S, NOW, rules) == 0.5
    assert decay(NOW + 5, NOW, rules) == 1.0


def test_a_history_is_the_same_after_json() -> None:
    told = Told()
    told.commit(AIKO, 30, "a/x", "b/y", others=[BEN])
    told.commit(CHIE, 3, "a/x", files=40, ignored=True)
    history = History(**{**told.history().__dict__, "weeks": (Week(week_of(NOW), 2, 0, 1),)})
    assert History.restored(json.loads(json.dumps(history.stored()))) == history
    assert history.folders() == [""]


def test_the_degree_of_authorship_is_the_published_one_when_nothing_fades() -> None:
    told = Told()
    for author in (AIKO, BEN, BEN, BEN, AIKO):
        told.commit(author, 0, "a/x")
    found = Figures(told.history(), NOW).block("a/x").knowers
    aiko, ben = knower(found, "Aiko Sato"), knower(found, "Ben")
    assert aiko.doa == pytest.approx(3.293 + 1.098 + 0.164 * 1 - 0.321 * math.log(1 + 3))
    assert ben.doa == pytest.approx(3.293 + 0.164 * 3 - 0.321 * math.log(1 + 1))
    assert (aiko.doa, ben.doa) == pytest.approx((aiko.doa_ever, ben.doa_ever))
    assert aiko.first_author and not ben.first_author


def test_a_change_fades_and_who_left_is_shown_but_not_asked() -> None:
    told = Told()
    told.commit(BEN, 700, "a/x")
    for days in (690, 680, 670, 660):
        told.commit(BEN, days, "a/x")
    told.commit(AIKO, 20, "a/x")
    first = Figures(told.history(), NOW).block("a/x").knowers
    assert [each.person.name for each in first] == ["Aiko Sato", "Ben"], "who is still there can be asked first"
    assert not first[0].knows, "one change of six makes no author"
    told.commit(AIKO, 10, "a/x")
    found = Figures(told.history(), NOW).block("a/x").knowers
    aiko, ben = knower(found, "Aiko Sato"), knower(found, "Ben")
    assert ben.doa_ever > aiko.doa_ever and ben.gone and not ben.knows
    assert aiko.knows and found[0] is aiko and not aiko.gone


def test_nobody_knows_what_nobody_touched_for_years() -> None:
    told = Told()
    told.commit(AIKO, 365 * 3 - 1, "a/x")
    told.commit(AIKO, 365 * 3 + 1, "a/y")
    figures = Figures(told.history(), NOW)
    assert figures.block("a/x").bus.factor == 1
    assert figures.block("a/y").bus.factor == 0 and figures.block("a/y").knowers[0].doa_ever > 4


def test_bots_know_nothing_and_co_authors_know_as_much_as_authors() -> None:
    told = Told()
    told.commit(AIKO, 5, "a/x", others=[CHIE])
    for _ in range(30):
        told.commit(BOT, 4, "a/x")
    figure = Figures(told.history(), NOW).block("a/x")
    assert [(each.person.name, each.knows) for each in figure.knowers] == [("Aiko Sato", True), ("Chie", True)]
    assert figure.bus.factor == 2 and figure.churn.ever.changes == 31


def test_a_file_counts_its_blocks_and_one_without_counts_itself() -> None:
    told = Told()
    told.commit(AIKO, 5, "a/x", "a/y", "a/z")
    told.commit(CHIE, 5, "b/x")
    history = told.history()
    figures = Figures(history, NOW)
    assert figures.file("a.tf").bus.people == ("aiko@example.org",)
    assert figures.repository().bus.factor == 1
    assert figures.folder("").churn.ever == Count(2, 8)
    bare = Figures(History(**{**history.__dict__, "blocks": {}}), NOW)
    assert bare.file("b.tf").bus.people == ("chie@example.org",)


def test_the_bus_factor_is_that_of_the_published_tool() -> None:
    assert bus_factor([], {}).factor == 0
    assert bus_factor([{"a"}, set(), set()], {}).factor == 0, "fewer than half are known already"
    assert bus_factor([{"a"}, {"a"}, {"b"}], {}).people == ("a",)
    assert bus_factor([{"a"}, {"b"}], {}).factor == 2, "half is still enough"
    assert bus_factor([{"a"}, {"b"}], {"b": 3, "a": 2}).people == ("b", "a"), "who changed more leaves first"
    many = [{"a", "b"} for _ in range(21)] + [{"c"} for _ in range(2)]
    assert bus_factor(many, {}).factor == 2
    few = [{"a"} for _ in range(11)] + [{"b"}] + [{c} for c in "cdefghijk"]
    found = bus_factor(few, {})
    assert found.people == ("a",) and found.known == 1.0


@given(st.lists(st.frozensets(st.sampled_from("abcd")), max_size=12))
def test_a_bus_factor_names_people_who_know_something(knows: list[frozenset[str]]) -> None:
    found = bus_factor(knows, {})
    assert found.factor == len(found.people) == len(set(found.people))
    assert set(found.people) <= set().union(*knows)
    left = [each - set(found.people) for each in knows]
    kept_by_few = max((sum(key in each for each in left) for key in "abcd"), default=0)
    if 2 * sum(map(bool, left)) >= len(knows) > 0 and found.people:
        most = max(sum(key in each for each in knows) for key in "abcd")
        assert kept_by_few < 0.1 * most, "only those who know next to nothing may be left out"


def test_pairs_are_what_no_reference_explains() -> None:
    told = Told()
    for _ in range(3):
        told.commit(AIKO, 5, "a/x", "b/y")
        told.commit(AIKO, 5, "a/x", "a/z")
    told.commit(AIKO, 5, "b/y")
    found = Figures(told.history(), NOW).pairs(lambda one, other: {one, other} == {"a/x", "a/z"})
    assert [(each.one, each.other, each.commits) for each in found] == [("a/x", "b/y", 3)]
    assert (found[0].if_one, found[0].if_other) == (3 / 6, 3 / 4)


@pytest.mark.parametrize("why", ["bot", "mass", "many blocks", "ignored", "twice only", "seldom"])
def test_what_makes_no_pair(why: str) -> None:
    told = Told()
    many = [f"m/{number}" for number in range(29)] if why == "many blocks" else []
    for _ in range(2 if why == "twice only" else 3):
        author, files = BOT if why == "bot" else AIKO, 21 if why == "mass" else 1
        told.commit(author, 5, "a/x", "b/y", *many, files=files, ignored=why == "ignored")
    for _ in range(4 if why == "seldom" else 0):
        told.commit(AIKO, 5, "a/x")
        told.commit(AIKO, 5, "b/y")
    assert Figures(told.history(), NOW).pairs(lambda *_: False) == []
