"""What was read of a repository's history, and what is counted from it for a moment in time. Pure.

A History holds facts of one commit, and no figure that depends on the time: it can be kept as long as that commit is looked
at. Times are seconds since 1970.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DAY_S = 86_400
WEEK_S = 7 * DAY_S
# The first Monday of the epoch.
_MONDAY_S = 4 * DAY_S
WINDOWS = (30, 90, 365)
"""Days that changes are counted in, beside ever."""


@dataclass(frozen=True)
class Rules:
    """What counts how much. Days are whole days before `now`."""

    half_life_days: int = 365
    """After this time a change says half as much about what its author still knows."""
    gone_days: int = 180
    """Who did not commit anything anywhere for longer is taken to have left. Shown, and not asked."""
    mass_files: int = 20
    """A commit that changes more Terraform files (formatting, headers, a provider's bump) counts 1/files."""
    least_weight: float = 0.125
    """What must be left of one's changes to know a thing today: one change, three half-lives ago."""
    pair_blocks: int = 30
    """A commit that changes more blocks says nothing about what belongs together."""
    pair_support: int = 3
    pair_confidence: float = 0.5


class Signature(NamedTuple):
    """A name with a mail, as commits carry it after the repository's .mailmap, and its commits of any kind."""

    name: str
    mail: str
    commits: int
    first: int
    last: int


class Commit(NamedTuple):
    """A commit that changed Terraform files. `author` and `others` (co-authors) count in the History's signatures."""

    sha: str
    at: int
    author: int
    others: tuple[int, ...]
    subject: str
    files: int
    """How many Terraform files it changed."""
    ignored: bool
    """Whether .git-blame-ignore-revs names it."""

    @property
    def people(self) -> tuple[int, ...]:
        """Everybody who wrote it."""
        return (self.author, *self.others)


class Change(NamedTuple):
    """What one commit did to one thing. `commit` counts in the History's commits."""

    commit: int
    added: int
    deleted: int
    began: bool
    """Whether the thing began with it."""


@dataclass(frozen=True)
class Story:
    """The changes of a block or a file, newest first, and where it is today (line 0 for a file)."""

    path: str
    first_line: int
    last_line: int
    changes: tuple[Change, ...]

    @property
    def whole(self) -> bool:
        """Whether its beginning was read; else it is older than what is known."""
        return any(change.began for change in self.changes)


class Week(NamedTuple):
    """Commits of the whole repository in a week that begins on a Monday, UTC."""

    start: int
    commits: int
    by_bots: int
    terraform: int


@dataclass(frozen=True)
class History:
    """What git says about the Terraform files of one commit."""

    commit: str
    shallow: bool
    """The clone holds the newest commits alone: ages are lower bounds."""
    cut_short: bool
    """Time was over before the oldest commits were read, likewise."""
    read_with: tuple[str, ...]
    """Contents' names of .mailmap and .git-blame-ignore-revs, which change what earlier commits mean."""
    signatures: tuple[Signature, ...]
    commits: tuple[Commit, ...]
    """Oldest first."""
    blocks: Mapping[str, Story]
    files: Mapping[str, Story]
    weeks: tuple[Week, ...]
    """Those with commits, oldest first."""

    def folders(self) -> list[str]:
        """The folders (modules) that have files, the repository's own top as an empty name."""
        return sorted({folder_of(path) for path in self.files})

    def stored(self) -> dict[str, Any]:
        """As plain lists, numbers and texts, for JSON."""
        return {
            **{name: getattr(self, name) for name in ("commit", "shallow", "cut_short", "read_with")},
            **{name: [list(each) for each in getattr(self, name)] for name in ("signatures", "commits", "weeks")},
            "blocks": {name: _stored(story) for name, story in self.blocks.items()},
            "files": {name: _stored(story) for name, story in self.files.items()},
        }

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> History:
        """From what `stored` gave, through JSON or not."""
        return cls(
            commit=stored["commit"],
            shallow=stored["shallow"],
            cut_short=stored["cut_short"],
            read_with=tuple(stored["read_with"]),
            signatures=tuple(Signature(*each) for each in stored["signatures"]),
            commits=tuple(Commit(*each)._replace(others=tuple(each[3])) for each in stored["commits"]),
            blocks={name: _restored(each) for name, each in stored["blocks"].items()},
            files={name: _restored(each) for name, each in stored["files"].items()},
            weeks=tuple(Week(*each) for each in stored["weeks"]),
        )


def _stored(story: Story) -> list[Any]:
    return [story.path, story.first_line, story.last_line, [list(each) for each in story.changes]]


def _restored(stored: Sequence[Any]) -> Story:
    path, first, last, changes = stored
    return Story(path, first, last, tuple(Change(*each) for each in changes))


def folder_of(path: str) -> str:
    """The folder of a file; empty at the top."""
    return path.rpartition("/")[0]


def together(stories: Iterable[Story]) -> Story:
    """Several things as one, a folder for instance: a commit that changed two of them is one change of it.

    It began where the first of them began.
    """
    by_commit: dict[int, list[Change]] = defaultdict(list)
    for story in stories:
        for change in story.changes:
            by_commit[change.commit].append(change)
    beginnings = [commit for commit, changes in by_commit.items() if any(each.began for each in changes)]
    first = min(beginnings, default=None)
    merged = (
        Change(commit, sum(each.added for each in found), sum(each.deleted for each in found), commit == first)
        for commit, found in sorted(by_commit.items(), reverse=True)
    )
    return Story("", 0, 0, tuple(merged))


@dataclass(frozen=True)
class Count:
    """Commits that changed a thing, and the lines they wrote and took away."""

    changes: int = 0
    lines: int = 0


@dataclass(frozen=True)
class Churn:
    """How much a thing changes: in the last 30, 90 and 365 days, and ever."""

    within: Mapping[int, Count] = field(default_factory=dict)
    ever: Count = Count()


def churn(history: History, story: Story, now: int) -> Churn:
    """Bots' changes count too: the thing did change. Those of ignored commits do not."""
    changes = [(each, history.commits[each.commit].at) for each in counted(history, story)]
    within = {days: _count(each for each, at in changes if at > now - days * DAY_S) for days in WINDOWS}
    return Churn(within, _count(each for each, _ in changes))


def counted(history: History, story: Story) -> Iterator[Change]:
    """The changes of a thing, without those of ignored commits."""
    return (each for each in story.changes if not history.commits[each.commit].ignored)


def _count(changes: Iterable[Change]) -> Count:
    found = list(changes)
    return Count(len(found), sum(each.added + each.deleted for each in found))


@dataclass(frozen=True)
class Age:
    """When a thing was changed first and last. `at_least`: it is older than the first change that is known."""

    first: int
    last: int
    at_least: bool


def age(history: History, story: Story) -> Age | None:
    """None where no change is known, as of a thing older than a shallow clone."""
    times = [history.commits[each.commit].at for each in counted(history, story)]
    began = [history.commits[each.commit].at for each in story.changes if each.began]
    if not times and not began:
        return None
    return Age(min(times + began), max(times or began), not began)


def activity(history: History, until: int) -> list[Week]:
    """Every week from the first commit to `until`, those without commits too: a chart has no holes."""
    if not history.weeks:
        return []
    known = {week.start: week for week in history.weeks}
    last = max(week_of(until), history.weeks[-1].start)
    return [known.get(start, Week(start, 0, 0, 0)) for start in range(history.weeks[0].start, last + 1, WEEK_S)]


def week_of(at: int) -> int:
    """When the week of a moment began."""
    return (at - _MONDAY_S) // WEEK_S * WEEK_S + _MONDAY_S


def weight(commit: Commit, rules: Rules) -> float:
    """How much a commit says about its author's knowledge, whenever it was."""
    if commit.ignored:
        return 0.0
    return 1.0 / commit.files if commit.files > rules.mass_files else 1.0


def decay(at: int, now: int, rules: Rules) -> float:
    """What time has left of it. A clock that was wrong gives no more than all."""
    return float(0.5 ** (max(now - at, 0) / (rules.half_life_days * DAY_S)))
