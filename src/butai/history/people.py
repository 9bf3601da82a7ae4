"""Who is who: people with several names and mails joined, bots told from people. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from butai.history.model import Signature

# A word of its own: Abbot and Talbot are people.
_BOT = re.compile(
    r"\[bot\]|(^|[-_. ])bot$|^(mend |white-?source )?renovate\b|^dependabot\b|^github[- ]?actions?\b|^greenkeeper\b|^snyk\b"
    r"|^(ci|cd|ci[-_ /]?cd)([-_ ](user|runner|agent|job))?$|[-_. ](ci|cicd|automation)$|^automation\b"
    r"|^(jenkins|gitlab[- ]?(ci|runner)|circle ?ci|travis( ci)?|buildkite|concourse|atlantis|flux|argo ?cd|github|copilot)$",
    re.IGNORECASE,
)
# What nobody reads is nobody's: hosts and programs sign with it.
_BOT_MAIL = re.compile(r"^(no-?reply|bot|ci|jenkins|automation)@|\[bot\]@|-bot@|^action@github\.com$", re.IGNORECASE)
_HOST_NUMBER = re.compile(r"^\d+\+(?=[^@]+@users\.noreply\.)")
# Names and mails of machines and of people who never said who they are: equal ones join nobody.
_NOBODY = frozenset(
    {"root", "admin", "administrator", "user", "unknown", "ubuntu", "ec2-user", "yourname", "vagrant", "git"}
)
_LOCAL = re.compile(
    r"^$|^[^@]*$|@$|@(localhost|[^@.]+|[^@]*\.(local|localdomain|internal))$|^(you|user|your\.?email)@example\.com$"
)


@dataclass(frozen=True)
class Person:
    """A person, or a bot, with all of their names and mails. `key` stays the same when they commit more."""

    key: str
    name: str
    names: tuple[str, ...]
    mails: tuple[str, ...]
    bot: bool
    commits: int
    first: int
    last: int


@dataclass(frozen=True)
class People:
    """Everybody in a history. `of[n]` is whose the history's signature `n` is."""

    all: tuple[Person, ...]
    of: tuple[Person, ...]

    @cached_property
    def by_key(self) -> dict[str, Person]:
        """Each by their key."""
        return {person.key: person for person in self.all}


def is_bot(name: str, mail: str) -> bool:
    """Whether a signature is a program's, by how such programs sign."""
    return bool(_BOT.search(name.strip()) or _BOT_MAIL.search(mail.strip()))


def people(signatures: Sequence[Signature], joins: Iterable[Sequence[str]] = ()) -> People:
    """Join what is one person's: equal mails, then equal names, then what `joins` says (names or mails that are one's)."""
    groups = _Groups(len(signatures))
    seen: dict[tuple[str, str | bool], int] = {}
    for at, signature in enumerate(signatures):
        bot = is_bot(signature.name, signature.mail)
        for mark in _marks(signature):
            groups.join(seen.setdefault((mark, bot), at), at)
    for join in joins:
        wanted = {_plain_mail(each) for each in join} | {_plain_name(each) for each in join}
        same = [at for at, each in enumerate(signatures) if wanted & {_plain_mail(each.mail), _plain_name(each.name)}]
        for at in same[1:]:
            groups.join(same[0], at)
    members: dict[int, list[Signature]] = defaultdict(list)
    for at, signature in enumerate(signatures):
        members[groups.root(at)].append(signature)
    persons = {root: _person(found) for root, found in members.items()}
    return People(tuple(persons.values()), tuple(persons[groups.root(at)] for at in range(len(signatures))))


def _marks(signature: Signature) -> list[str]:
    """What may join it with others. A mail has an `@`, which a name is kept from having."""
    mail, name = _plain_mail(signature.mail), _plain_name(signature.name)
    marks = [] if _LOCAL.search(mail) or _BOT_MAIL.search(mail) else [mail]
    return marks if name in _NOBODY or not name else [*marks, name.replace("@", " ")]


def _plain_mail(mail: str) -> str:
    return _HOST_NUMBER.sub("", mail.strip().casefold())


def _plain_name(name: str) -> str:
    """Without what people write now so, now so: case, spaces, dots and hyphens between names."""
    return re.sub(r"[\s.\-_]+", "", name.casefold())


def _person(signatures: Sequence[Signature]) -> Person:
    oldest = min(signatures, key=lambda each: (each.first, each.mail))
    usual = max(signatures, key=lambda each: (" " in each.name.strip(), each.commits, each.last, each.name))
    return Person(
        key=_key(oldest),
        name=usual.name,
        names=tuple(sorted({each.name for each in signatures})),
        mails=tuple(sorted({each.mail for each in signatures})),
        bot=all(is_bot(each.name, each.mail) for each in signatures),
        commits=sum(each.commits for each in signatures),
        first=oldest.first,
        last=max(each.last for each in signatures),
    )


def _key(signature: Signature) -> str:
    """Its mail, where that joins all who have it; two with the same key would be taken for one."""
    mail = _plain_mail(signature.mail)
    own = not _LOCAL.search(mail) and not is_bot(signature.name, mail)
    return mail if own else f"{signature.name} <{signature.mail}>"


class _Groups:
    """Which ones belong together (union-find)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, at: int) -> int:
        while self._parent[at] != at:
            self._parent[at] = self._parent[self._parent[at]]
            at = self._parent[at]
        return at

    def join(self, one: int, other: int) -> None:
        roots = self.root(one), self.root(other)
        self._parent[max(roots)] = min(roots)
