"""What can be done with blueprints. The only file of this room that others import."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from butai.aws.image_tag import tag_of
from butai.blueprints import store
from butai.blueprints.behind import Behind, Comparison, Standing
from butai.blueprints.door import AtCommit, check_root, find_root, look
from butai.blueprints.model import (
    FILE_NAME,
    NAME,
    NAME_OF_BLUEPRINT_MAX_LENGTH,
    PATTERN_WORDS,
    SECRET,
    Blueprint,
    Service,
    image_for,
    json_schema,
    version_in,
    version_variables,
)
from butai.blueprints.paths import names_by
from butai.blueprints.task_terms import OneOff
from butai.blueprints.validate import BlueprintError, check_against_root, parse
from butai.blueprints.variables import VariableError, variables_for
from butai.blueprints.views import BlueprintView, KnownRepository, as_known, engine_of, view
from butai.datafolder import DataFolder
from butai.db import Database
from butai.errors import ButaiError, NotFoundError, RefusedError, WrongUseError, did_you_mean
from butai.git.export import export
from butai.git.locations import is_commit, repository_name, resolve_location
from butai.git.mirrors import Fetched, Mirrors, in_background
from butai.git.refs import Branch, search
from butai.git.repository import Repositories, Repository, located
from butai.leases import service as leases
from butai.leases.service import PoolUse
from butai.terraform.text import plain
from butai.text import text

__all__ = [
    "FILE_NAME",
    "PATTERN_WORDS",
    "SECRET",
    "AtCommit",
    "Behind",
    "Blueprint",
    "BlueprintError",
    "BlueprintView",
    "Blueprints",
    "Branch",
    "Fetched",
    "KnownRepository",
    "OneOff",
    "Service",
    "Standing",
    "VariableError",
    "check_against_root",
    "image_for",
    "in_background",
    "json_schema",
    "parse",
    "variables_for",
    "version_in",
    "version_variables",
]

# A list of branches to choose from may be this old: it is asked for again with every key that is typed.
BRANCHES_FRESH_S = 5.0
REMEMBERED = 64


class Blueprints:
    """All blueprints of one database, and their repositories' mirrors in the data folder."""

    def __init__(self, database: Database, data: DataFolder, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now
        self._repositories, self._comparison, self._mirrors = Repositories(data.git), Comparison(), Mirrors()
        # What a commit holds never changes.
        self._look = functools.lru_cache(REMEMBERED)(self._look_anew)

    def add(
        self, path_or_url: str, *, ref: str | None = None, root: str | None = None, name: str | None = None
    ) -> BlueprintView:
        """Add the blueprint of a repository: a git URL, or an absolute path of a repository or of a folder in one.

        `ref` is the repository's default branch if not given, `root` the folder with the only `butai.yaml`, `name`
        what `butai.yaml` says, else the repository's name.
        """
        location, below, local = located(path_or_url)
        repository = self._repositories.at(location)
        repository.fetch()
        ref = ref or repository.default_branch()
        commit = repository.resolve(ref)
        found = find_root(repository, commit, below, local) if root is None else check_root(repository, commit, root)
        at = look(repository, commit, found)
        name = _checked_name(name or at.blueprint.name or repository_name(location))
        try:
            with self._database.session() as session:
                self._refuse_taken(session, name)
                row = store.BlueprintRow(name=name, repository=location, ref=ref, root=found, added_at=self._now())
                self._remember(row, at)
                session.add(row)
                session.flush()
                return view(row)
        except IntegrityError as error:
            raise _taken(name) from error

    def list(self) -> list[BlueprintView]:
        """Every blueprint, by name."""
        with self._database.reading() as session:
            return [view(row) for row in store.all_of(session)]

    def count(self) -> int:
        """How many blueprints there are."""
        with self._database.reading() as session:
            return store.count(session)

    def get(self, name: str) -> BlueprintView:
        """One blueprint as it was when it was last refreshed."""
        with self._database.reading() as session:
            return view(self._row(session, name))

    def refresh(self, name: str) -> BlueprintView:
        """Fetch, and read the newest commit of the blueprint's ref. When that one is wrong, the one before stays."""
        at = self.at_commit(name, self.newest(name))
        with self._database.session() as session:
            row = self._row(session, name)
            self._remember(row, at)
            session.flush()
            return view(row)

    def remove(self, name: str, *, used_by: Callable[[str], Sequence[str]]) -> None:
        """Forget a blueprint; its repository stays as it is. Refused while environments of it live.

        `used_by` gives their names. (One that is created in this very moment is not lost: adding the blueprint again
        under its name makes it manageable again.)
        """
        names = used_by(self.get(name).name)
        if names:
            raise RefusedError(
                text("The blueprint `{name}` is in use: {names}.", name=name, names=", ".join(names)),
                next=text("Destroy these environments first."),
                code="blueprint-in-use",
            )
        with self._database.session() as session:
            session.delete(self._row(session, name))

    def pools(self, name: str) -> Sequence[PoolUse]:
        """The blueprint's pools, and which environment holds what."""
        with self._database.reading() as session:
            declared = parse(self._row(session, name).butai_yaml).pools()
            return leases.overview(session, name, declared)

    def resolve(self, name: str, ref: str, *, fetch: bool = True) -> str:
        """The commit of a branch, tag or commit in the blueprint's own repository."""
        repository = self._repository(name)
        return _newest(repository, ref) if fetch else repository.resolve(ref)

    def newest(self, name: str) -> str:
        """The newest commit of the blueprint's ref, fetched now."""
        return _newest(self._repository(name), self.get(name).ref)

    def newest_known(self, name: str) -> Blueprint | None:
        """What its `butai.yaml` said when it was last refreshed; none when there is no such blueprint."""
        with self._database.reading() as session:
            row = store.named(session, name)
        return as_known(row) if row else None

    def compared(self, name: str, ref: str, commit: str) -> tuple[Behind | None, Fetched | None]:
        """How far a commit is behind a ref of the blueprint's repository (none when it is not), and as of when."""
        with self._database.reading() as session:
            row = store.named(session, name)
        if row is None:
            return None, None
        repository = self._repositories.at(row.repository)
        # Asked first: a fetch that comes between the two makes the answer newer than it says, never older.
        fetched = self._mirrors.fetched(repository)
        return self._comparison.behind(repository, commit, ref, row.root), fetched

    def standing(self, name: str, service: str, commit: str) -> Standing | None:
        """How a service's commit stands beside its default branch, as its mirror knows; none where that does not know."""
        try:
            repository = self._service_repository(name, service)
            branch = self.get(name).services[service].branch
        except ButaiError:
            return None
        return self._comparison.standing(repository, commit, branch) if commit else None

    def repositories(self) -> Sequence[KnownRepository]:
        """The repositories that blueprints lie in, each with a ref once, and by which blueprints it is used."""
        with self._database.reading() as session:
            rows = store.all_of(session)
        used: dict[tuple[str, str], list[store.BlueprintRow]] = {}
        for row in rows:
            used.setdefault((row.repository, row.ref), []).append(row)
        return [
            KnownRepository(self._repositories.at(where), ref, [each.name for each in theirs], engine_of(theirs))
            for (where, ref), theirs in used.items()
        ]

    def fetch_all(self, max_age_s: float) -> None:
        """Bring the mirrors of all blueprints up to date, of those that are older than that."""
        with self._database.reading() as session:
            known = sorted({row.repository for row in store.all_of(session)})
        self._mirrors.fetch(map(self._repositories.at, known), max_age_s=max_age_s)

    def at_commit(self, name: str, commit: str) -> AtCommit:
        """The blueprint as a commit holds it, checked against the root of that commit."""
        row = self.get(name)
        return self._look(row.name, row.repository, row.root, commit)

    def export(self, name: str, commit: str, target: Path) -> None:
        """Write the whole tree of a commit to a folder that does not exist yet."""
        repository = self._repository(name)
        _have(repository, commit)
        export(repository, commit, target)

    def branches(self, name: str, service: str, text: str = "") -> Sequence[Branch]:
        """A service's branches, newest first; with `text`, those whose name, author or message hold its words."""
        repository = self._service_repository(name, service)
        repository.fetch(max_age_s=BRANCHES_FRESH_S)
        return search(repository.branches(), text)

    def commit_of(self, name: str, service: str, branch_or_commit: str) -> str:
        """The commit of a branch, tag or commit in a service's repository, fetched now."""
        return _newest(self._service_repository(name, service), branch_or_commit)

    def version_of(self, name: str, service: str, *, commit: str, tag: str) -> tuple[str, str]:
        """Commit in full and branch of an image, by the commit (or its beginning) and the branch's tag that it is named after.

        Empty where the repository does not know; which commit an image is of that is named after its branch alone nobody
        knows. A commit that several branches end in is the default branch's, if that
        is one of them.
        """
        known = self.branches(name, service)
        if tag and not commit:
            branch = next((each for each in known if tag_of(each.name) == tag), None)
            return "", branch.name if branch else tag
        if not commit:
            return "", ""
        full = self.commit_of(name, service, commit)
        ends = [each.name for each in known if each.commit == full]
        default = self.get(name).services[service].branch
        return full, default if default in ends else next(iter(ends), "")

    def migrations(
        self, name: str, at: AtCommit, versions: Mapping[str, Mapping[str, str]]
    ) -> dict[str, Sequence[str]]:
        """By service, the migrations that these versions hold; without services that declare none or whose commit is unknown."""
        found: dict[str, Sequence[str]] = {}
        for service, version in versions.items():
            pattern = at.blueprint.services[service].migrations if service in at.blueprint.services else None
            if pattern and version["commit"]:
                with suppress(ButaiError):
                    repository = self._service_repository(name, service)
                    _have(repository, version["commit"])
                    found[service] = names_by(pattern, repository.paths(version["commit"]))
        return found

    def _look_anew(self, name: str, location: str, root: str, commit: str) -> AtCommit:
        repository = self._repositories.at(location)
        _have(repository, commit)
        return look(repository, commit, root, name)

    def _remember(self, row: store.BlueprintRow, at: AtCommit) -> None:
        row.commit, row.butai_yaml, row.refreshed_at = at.commit, at.text, self._now()

    def _repository(self, name: str) -> Repository:
        return self._repositories.at(self.get(name).repository)

    def location_of(self, name: str, service: str) -> str:
        """Where a service's repository lies."""
        blueprint = self.get(name)
        return resolve_location(blueprint.repository, blueprint.services[service].repository)

    def _service_repository(self, name: str, service: str) -> Repository:
        blueprint = self.get(name)
        if service not in blueprint.services:
            raise NotFoundError(
                text("The blueprint `{blueprint}` has no service `{name}`.", blueprint=name, name=service),
                next=did_you_mean(service, blueprint.services),
                where="services",
                code="unknown-service",
            )
        return self._repositories.at(self.location_of(name, service))

    def _row(self, session: Session, name: str) -> store.BlueprintRow:
        row = store.named(session, name)
        if row is None:
            known = [each.name for each in store.all_of(session)]
            hint = did_you_mean(name, known) or text("`butai blueprint add PATH-OR-GIT-URL` adds one.")
            raise NotFoundError(text("There is no blueprint `{name}`.", name=name), next=hint, code="unknown-blueprint")
        return row

    def _refuse_taken(self, session: Session, name: str) -> None:
        if store.named(session, name) is not None:
            raise _taken(name)


def _taken(name: str) -> RefusedError:
    return RefusedError(
        text("There is a blueprint `{name}` already.", name=name),
        next=text(
            "`butai blueprint refresh {name}` reads its newest commit; `--name` gives this one another name.", name=name
        ),
        where="name",
        code="name-taken",
    )


def _checked_name(name: str) -> str:
    if not re.fullmatch(NAME.strip("^$"), name) or len(name) > NAME_OF_BLUEPRINT_MAX_LENGTH:
        raise WrongUseError(
            text(
                "`{name}` {rule}, of {longest} characters at most.",
                name=plain(name),
                rule=PATTERN_WORDS[NAME],
                longest=NAME_OF_BLUEPRINT_MAX_LENGTH,
            ),
            next=text("Give one with `--name`."),
            where="name",
            code="bad-name",
        )
    return name


def _newest(repository: Repository, ref: str) -> str:
    """What a ref means now: never an answer from before, because somebody may have pushed a second ago."""
    if not (is_commit(ref) and repository.has(ref)):
        repository.fetch()
    return repository.resolve(ref)


def _have(repository: Repository, commit: str) -> None:
    """Another machine's mirror may be older, or not there at all."""
    if not repository.has(commit):
        _newest(repository, commit)
