"""The whole repository's commits counted as they are told: who signs them, in which weeks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

from butai.history.model import Commit, History, Signature, Week, week_of
from butai.history.people import is_bot
from butai.terraform.text import plain

_LONGEST = 300
_TRAILER = re.compile(r"\s*(.*?)\s*<([^<>]*)>\s*$")
_HASH = re.compile(rb"^\s*([0-9a-f]{40}|[0-9a-f]{64})\s*(?:#.*)?$", re.MULTILINE)


def ignored_commits(content: bytes) -> set[str]:
    """The commits that a .git-blame-ignore-revs names."""
    return {found.decode() for found in _HASH.findall(content)}


@dataclass(frozen=True)
class Told:
    """What a commit says of itself. `raw` is its author as written, `author` after the repository's .mailmap."""

    sha: str
    merge: bool
    at: int
    raw: tuple[str, str]
    author: tuple[str, str]
    subject: str
    others: Sequence[str]
    """Co-authors, as the message has them: `Name <mail>`."""


@dataclass
class Everyone:
    """Signatures and weeks, going on from what an earlier history has."""

    signatures: list[Signature] = field(default_factory=list)
    weeks: dict[int, Week] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    _mapped: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def after(cls, before: History | None) -> Everyone:
        """From an earlier history on."""
        if before is None:
            return cls()
        numbers = {(each.name, each.mail): at for at, each in enumerate(before.signatures)}
        return cls(list(before.signatures), {week.start: week for week in before.weeks}, _numbers=numbers)

    def count(self, commits: Iterable[Told], terraform: Set[str]) -> None:
        """Take in all commits; what `terraform` names is kept to be asked for."""
        helped = []
        for told in commits:
            author = self._mapped.setdefault(told.raw, (_shown(told.author[0]), _shown(told.author[1])))
            self._sign(author, told.at)
            if told.others:
                helped.append(told)
            if told.sha in terraform:
                self.told[told.sha] = told
            if not told.merge:
                self._in_week(told, told.sha in terraform)
        for told in helped:
            for each in self._others(told):
                self._sign(each, told.at)

    def commit(self, sha: str, files: int, ignored: bool) -> Commit:
        """One of those kept."""
        told = self.told[sha]
        author = self._numbers[self._mapped[told.raw]]
        numbers = dict.fromkeys(self._numbers[each] for each in self._others(told))
        others = tuple(each for each in numbers if each != author)
        return Commit(sha, told.at, author, others, _shown(told.subject), files, ignored)

    def _others(self, told: Told) -> list[tuple[str, str]]:
        matches = (_TRAILER.match(each) for each in told.others)
        written = [(match[1], match[2].strip()) for match in matches if match]
        # A .mailmap speaks of authors; it holds for the same signature below a message too.
        return [self._mapped.get(each) or (_shown(each[0]), _shown(each[1])) for each in written]

    def _sign(self, who: tuple[str, str], at: int) -> None:
        number = self._numbers.setdefault(who, len(self.signatures))
        if number == len(self.signatures):
            self.signatures.append(Signature(*who, 1, at, at))
            return
        known = self.signatures[number]
        self.signatures[number] = known._replace(
            commits=known.commits + 1, first=min(known.first, at), last=max(known.last, at)
        )

    def _in_week(self, told: Told, terraform: bool) -> None:
        start = week_of(told.at)
        week = self.weeks.get(start, Week(start, 0, 0, 0))
        by_bots = week.by_bots + is_bot(*told.author)
        self.weeks[start] = Week(start, week.commits + 1, by_bots, week.terraform + terraform)


def _shown(text: str) -> str:
    """Fit to be shown; nearly every text is, and that is told quickly."""
    return text if text.isprintable() and len(text) < _LONGEST else plain(text, _LONGEST)
