"""Who is who: names and mails of one person joined, bots told from people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.history.everyone import Everyone, Told, ignored_commits
from butai.history.model import Signature, Week
from butai.history.people import is_bot, people

pytestmark = pytest.mark.model


def signed(*who: tuple[str, str]) -> list[Signature]:
    return [Signature(name, mail, 1 + at, 100 + at, 200 + at) for at, (name, mail) in enumerate(who)]


def groups(*who: tuple[str, str], joins: tuple[tuple[str, ...], ...] = ()) -> int:
    return len(people(signed(*who), joins).all)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("Aiko", "aiko@example.org"), ("Aiko Sato", "AIKO@example.org"), True),
        (("Aiko Sato", "a@x.org"), ("aiko.sato", "b@y.org"), True),
        (("AikoSato", "a@x.org"), ("Aiko Sato", "b@y.org"), True),
        (("Aiko", "1234+aiko@users.noreply.github.com"), ("A. S.", "aiko@users.noreply.github.com"), True),
        (("Aiko", "a@x.org"), ("Ben", "b@y.org"), False),
        (("Aiko", "root@localhost"), ("Ben", "root@localhost"), False),
        (("Aiko", "you@example.com"), ("Ben", "you@example.com"), False),
        (("Aiko", "aiko@box.local"), ("Ben", "aiko@box.local"), False),
        (("root", "a@x.org"), ("root", "b@y.org"), False),
        (("Aiko", "team@x.org"), ("team-bot", "team@x.org"), False),
        (("", ""), ("", "(none)"), False),
    ],
)
def test_who_is_the_same(one: tuple[str, str], other: tuple[str, str], same: bool) -> None:
    assert groups(one, other) == (1 if same else 2)


def test_a_person_may_join_what_nothing_tells() -> None:
    who = [("Aiko", "a@x.org"), ("as", "b@y.org"), ("Ben", "c@z.org")]
    assert groups(*who) == 3
    found = people(signed(*who), [("A@x.org", "b@y.org"), ("nobody@else.org",)])
    assert len(found.all) == 2 and found.of[0] is found.of[1]
    assert groups(*who, joins=(("Ben", "AS"),)) == 2


def test_a_person_goes_by_the_full_name_and_keeps_the_key() -> None:
    first = people(signed(("asato", "old@x.org")))
    both = people(signed(("asato", "old@x.org"), ("Aiko Sato", "old@x.org"), ("aiko sato", "new@x.org")))
    [person] = both.all
    assert person.key == first.all[0].key == "old@x.org" and person.name == "aiko sato"
    assert person.mails == ("new@x.org", "old@x.org") and (person.first, person.last, person.commits) == (100, 202, 6)
    assert both.by_key[person.key] is person


@pytest.mark.parametrize(
    "who",
    [
        ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"),
        ("Renovate Bot", "bot@renovateapp.com"),
        ("renovate", "x@y.org"),
        ("github-actions", "x@y.org"),
        ("semantic-release-bot", "x@y.org"),
        ("CI", "x@y.org"),
        ("terraform-ci", "x@y.org"),
        ("ci-user", "x@y.org"),
        ("Jenkins", "x@y.org"),
        ("GitLab CI", "x@y.org"),
        ("GitHub", "noreply@github.com"),
        ("Somebody", "no-reply@company.org"),
    ],
)
def test_bots_are_told(who: tuple[str, str]) -> None:
    assert is_bot(*who)


@pytest.mark.parametrize("name", ["Jo Abbot", "Talbot", "Botan Ito", "Cici", "Marci", "Renova Teo", "Francis Dupont"])
def test_people_are_no_bots(name: str) -> None:
    assert not is_bot(name, "1234+someone@users.noreply.github.com")


@given(
    st.lists(st.tuples(st.sampled_from(["A B", "C", "root", "x-bot"]), st.sampled_from(["a@x.org", "", "r@localhost"])))
)
def test_keys_are_each_ones_own(who: list[tuple[str, str]]) -> None:
    unique = signed(*dict.fromkeys(who))
    found = people(unique)
    assert len(found.by_key) == len(found.all)
    assert sum(each.commits for each in found.all) == sum(each.commits for each in unique)
    assert {id(each) for each in found.of} == {id(each) for each in found.all}


def test_everyone_is_counted_once_and_co_authors_are_mapped() -> None:
    aiko, raw = ("Aiko", "a@x.org"), ("aiko", "old@x.org")
    everyone = Everyone()
    everyone.count(
        [
            Told(
                "c3", False, 900_000, ("Ben", "b@x.org"), ("Ben", "b@x.org"), "Third", ("aiko <old@x.org>", "no mail")
            ),
            Told("c2", True, 800_000, raw, aiko, "Merge", ()),
            Told("c1", False, 10, raw, aiko, "First \x1b[31m", ()),
        ],
        {"c3", "c1"},
    )
    assert everyone.signatures == [Signature("Ben", "b@x.org", 1, 900_000, 900_000), Signature(*aiko, 3, 10, 900_000)]
    third = everyone.commit("c3", 2, False)
    assert (third.author, third.others, third.people) == (0, (1,), (0, 1))
    assert everyone.commit("c1", 1, True).subject == "First "
    assert [week.commits for _, week in sorted(everyone.weeks.items())] == [1, 1], "merges are no work of their own"
    assert sum(week.terraform for week in everyone.weeks.values()) == 2
    assert Week(0, 1, 0, 1)._replace(start=next(iter(sorted(everyone.weeks)))) in everyone.weeks.values()


def test_ignored_commits_are_whole_hashes() -> None:
    content = b"# formatting\n" + b"a" * 40 + b"\n" + b"b" * 39 + b"\n  " + b"c" * 40 + b"  # why\n" + b"d" * 41
    assert ignored_commits(content) == {"a" * 40, "c" * 40}
