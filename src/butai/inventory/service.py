"""What can be done with the inventory. The only file of this room that others import."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.exc import IntegrityError

from butai.blueprints.service import Blueprints
from butai.datafolder import DataFolder
from butai.db import Database
from butai.errors import ButaiError, NotFoundError, RefusedError, WrongUseError, did_you_mean
from butai.git.locations import is_commit, redact, repository_name
from butai.git.mirrors import Mirrors
from butai.git.repository import Repositories, Repository, located
from butai.inventory import coverage_store, store
from butai.inventory.about import About, about, about_group, check_is_there
from butai.inventory.graphs import Graphs, Read
from butai.inventory.measures import Changes, Figures, History, age_and_churn
from butai.inventory.model import Graph, Kind
from butai.inventory.naming import checked_name, free_name, taken
from butai.inventory.newcomer import first_look
from butai.inventory.picture import rows, search
from butai.inventory.read_by_code import CommitFiles
from butai.inventory.summary import summarise
from butai.inventory.values import Values
from butai.inventory.view import Colour, View
from butai.inventory.views import AddRequest, Counts, Excerpt, FirstPage, MapView, RepositoryView
from butai.terraform.text import plain
from butai.text import text

__all__ = ["Changes", "Colour", "Figures", "FiguresOf", "History", "HistoryOf", "Inventory", "RepositoryView"]

HistoryOf = Callable[[Repository, str, Graph], History | None]
"""What git tells of the nodes of a commit's graph; none where that is not known (yet)."""
FiguresOf = Callable[[Repository, str, Graph], Figures]
"""A figure for the nodes of a commit's graph."""

_AROUND = 3
_MOST_LINES = 60

log = structlog.get_logger()


@dataclass(frozen=True)
class _Known:
    """A repository at a ref, under its name here. `engine`: the one that its blueprints name, if they agree."""

    name: str
    repository: Repository
    ref: str
    blueprints: Sequence[str]
    added: bool
    engine: str = ""


class Inventory:
    """The repositories of all blueprints, and those that somebody added."""

    def __init__(
        self,
        database: Database,
        blueprints: Blueprints,
        data: DataFolder,
        now: Callable[[], datetime],
        *,
        history: HistoryOf = lambda _repository, _commit, _graph: None,
        figures: Mapping[Colour, FiguresOf] | None = None,
    ) -> None:
        self._database, self._blueprints, self._now = database, blueprints, now
        self._history, self._figures = history, figures or {}
        self._repositories, self._mirrors, self._graphs = Repositories(data.git), Mirrors(), Graphs()

    # --- repositories -----------------------------------------------------------------------------------------------

    def list(self) -> Sequence[RepositoryView]:
        """Every repository, by name. None of them is read for it, and one that cannot be read stands beside the others."""
        return [self._view(each) for each in self._known()]

    def get(self, name: str) -> RepositoryView:
        """One of them."""
        return self._view(self._named(name))

    def add(self, request: AddRequest) -> RepositoryView:
        """Add a repository: a git URL, or the absolute path of one or of a folder in one. It is fetched now."""
        location, _, _ = located(request.repository)
        repository = self._repositories.at(location)
        repository.fetch()
        ref = request.ref or repository.default_branch()
        repository.resolve(ref)
        name = checked_name(request.name or repository_name(location))
        known = self._known()
        self._refuse_known(known, repository, ref, name)
        try:
            with self._database.session() as session:
                row = store.InventoryRepository(name=name, location=location, ref=ref, added_at=self._now())
                session.add(row)
        except IntegrityError as error:
            raise taken(name) from error
        return self.get(name)

    def remove(self, name: str) -> None:
        """Forget a repository that somebody added. One that blueprints lie in stays as long as they do."""
        known = self._named(name)
        if not known.added:
            raise RefusedError(
                text(
                    "The repository `{name}` is here because of blueprints: {names}.",
                    name=name,
                    names=", ".join(known.blueprints),
                ),
                next=text("It goes when they are removed."),
                code="repository-in-use",
            )
        with self._database.session() as session:
            row = store.named(session, name)
            if row is not None:
                session.delete(row)
                coverage_store.forget(session, name)

    def fetch_all(self, max_age_s: float) -> None:
        """Bring all mirrors up to date that are older than that, and read what is new: nobody waits for it later."""
        for known in self._known():
            self._mirrors.fetch([known.repository], max_age_s=max_age_s)
            try:
                read = self._newest(known)
                self._history(known.repository, read.commit, read.graph)
            except ButaiError as error:
                log.warning("not read", repository=known.name, why=error.what)

    # --- graphs -----------------------------------------------------------------------------------------------------

    def read(self, name: str, commit: str = "") -> Read:
        """The graph of a repository at a commit (or its beginning), the newest known one if none is said."""
        known = self._named(name)
        if not commit:
            return self._newest(known)
        if not re.fullmatch(r"[0-9a-f]{7,64}", commit):
            raise WrongUseError(text("`{commit}` is no commit.", commit=plain(commit)), code="bad-commit")
        full = commit if is_commit(commit) and known.repository.has(commit) else known.repository.resolve(commit)
        return self._graphs.other(known.repository, known.ref, full, known.engine)

    def blueprints_of(self, name: str) -> Sequence[str]:
        """The names of the blueprints that lie in a repository."""
        return self._named(name).blueprints

    def mirror(self, name: str) -> Repository:
        """The mirror of a repository."""
        return self._named(name).repository

    def first_page(self, name: str) -> FirstPage:
        """A repository for somebody who has never seen it."""
        known = self._named(name)
        read = self._newest(known)
        look = first_look(read.graph, self._history(known.repository, read.commit, read.graph), self._now())
        return FirstPage(self._view(known), read, summarise(read.graph), look)

    def map(self, name: str, view: View) -> MapView:
        """A view. Raises NotFoundError where what it is about is not there."""
        known, read = self._named(name), self.read(name, view.commit)
        for each in filter(None, (view.focus, view.impact, view.node)):
            check_is_there(read.graph, read.groups, each)
        picture = self._graphs.picture(read, view)
        figures = self._figures_of(known, read, view.colour)
        is_group = view.node in read.groups.by_id and bool(view.node)
        node = about(read.graph, view.node, self._values(known, read)) if view.node and not is_group else None
        return MapView(
            repository=self._view(known),
            read=read,
            view=view,
            picture=picture,
            rows=rows(read.graph, read.groups, picture, view, figures),
            found=search(read.graph, view.search),
            figures=figures,
            node=node,
            group=about_group(read.graph, read.groups, view.node) if is_group else None,
            excerpt=self._excerpt(known, read, node) if node else None,
        )

    def about(self, name: str, id_: str, commit: str = "") -> tuple[Read, About]:
        """One node with its neighbours. Raises NotFoundError."""
        read = self.read(name, commit)
        check_is_there(read.graph, read.groups, id_)
        if id_ not in read.graph.nodes:
            raise NotFoundError(text("`{name}` is a group, no node.", name=id_), code="no-such-node")
        return read, about(read.graph, id_, self._values(self._named(name), read))

    def source(self, name: str, file: str, commit: str = "") -> Excerpt:
        """A whole file of Terraform's, as a commit holds it. Raises NotFoundError for any other file."""
        read = self.read(name, commit)
        known = {
            each for module in read.graph.modules.values() for each in (*module.files, *module.tfvars, *module.tests)
        }
        if file not in known:
            raise NotFoundError(
                text("The map knows no file `{file}` at {commit}.", file=plain(file), commit=read.commit[:7]),
                next=did_you_mean(file, known) if len(known) < 20 else "",
                code="no-such-file",
            )
        lines = self._lines(self._named(name), read, file)
        nodes = {each.line: each.id for each in read.graph.nodes.values() if each.file == file and each.line}
        return Excerpt(file, read.commit, 1, lines, nodes)

    def _values(self, known: _Known, read: Read) -> Values:
        return Values(read.graph, CommitFiles(known.repository, read.commit))

    # --- within -----------------------------------------------------------------------------------------------------

    def _newest(self, known: _Known) -> Read:
        return self._graphs.newest(known.repository, known.ref, self._commit(known), known.engine)

    def _commit(self, known: _Known) -> str:
        if not known.repository.fetched_at():
            known.repository.fetch()
        return known.repository.resolve(known.ref)

    def _figures_of(self, known: _Known, read: Read, colour: Colour) -> Figures:
        if colour in {Colour.AGE, Colour.CHURN}:
            history = self._history(known.repository, read.commit, read.graph)
            return age_and_churn(history, self._now())[colour] if history else {}
        of = self._figures.get(colour)
        return of(known.repository, read.commit, read.graph) if of else {}

    def _lines(self, known: _Known, read: Read, file: str) -> Sequence[str]:
        content = known.repository.read(read.commit, file).decode(errors="replace")
        return content.removeprefix("\ufeff").splitlines()

    def _excerpt(self, known: _Known, read: Read, node: About) -> Excerpt | None:
        if not node.node.file or not node.node.line:
            return None
        first = max(1, node.node.line - _AROUND)
        last = min(node.node.end_line or node.node.line, first + _MOST_LINES)
        lines = self._lines(known, read, node.node.file)[first - 1 : last + _AROUND]
        return Excerpt(node.node.file, read.commit, first, lines, {})

    def _view(self, known: _Known) -> RepositoryView:
        commit, failure = "", ""
        try:
            commit = known.repository.resolve(known.ref) if known.repository.fetched_at() else ""
        except ButaiError as error:
            failure = error.what
        fetched = self._mirrors.fetched(known.repository)
        read = self._graphs.known(known.repository, known.ref, known.engine)
        return RepositoryView(
            name=known.name,
            location=redact(known.repository.location),
            ref=known.ref,
            blueprints=[*known.blueprints],
            added=known.added,
            commit=commit,
            fetched_at=fetched.at,
            failure=failure or fetched.failure,
            counts=_counts(read.graph) if read else None,
        )

    def _known(self) -> Sequence[_Known]:
        with self._database.reading() as session:
            added = store.all_of(session)
        used = {(each.repository.location, each.ref): each for each in self._blueprints.repositories()}
        found: list[_Known] = []
        for row in added:
            theirs = used.pop((row.location, row.ref), None)
            at = self._repositories.at(row.location)
            blueprints, engine = (theirs.used_by, theirs.engine) if theirs else ((), "")
            found.append(_Known(row.name, at, row.ref, blueprints, added=True, engine=engine))
        for _, each in sorted(used.items()):
            name = free_name(repository_name(each.repository.location), {known.name for known in found})
            found.append(_Known(name, each.repository, each.ref, each.used_by, added=False, engine=each.engine))
        return sorted(found, key=lambda each: each.name)

    def _named(self, name: str) -> _Known:
        known = {each.name: each for each in self._known()}
        if name not in known:
            raise NotFoundError(
                text("The inventory has no repository `{name}`.", name=plain(name)),
                next=did_you_mean(name, known) or text("`butai inventory add PATH-OR-GIT-URL` adds one."),
                code="unknown-repository",
            )
        return known[name]

    def _refuse_known(self, known: Sequence[_Known], repository: Repository, ref: str, name: str) -> None:
        for each in known:
            if (each.repository.location, each.ref) == (repository.location, ref):
                raise RefusedError(
                    text("This repository is here already, as `{name}`.", name=each.name),
                    where="repository",
                    code="name-taken",
                )
            if each.name == name:
                raise taken(name)


def _counts(graph: Graph) -> Counts:
    kinds = [each.kind for each in graph.nodes.values()]
    return Counts(
        roots=kinds.count(Kind.ROOT),
        modules=kinds.count(Kind.MODULE),
        resources=kinds.count(Kind.RESOURCE),
        files=sum(len(each.files) for each in graph.modules.values()),
        problems=len(graph.problems),
    )
