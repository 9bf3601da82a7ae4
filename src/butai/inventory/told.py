"""What can be done with states that Butai does not keep: tell of them, read them again, forget them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from butai.aws.session import Access
from butai.blueprints.service import PATTERN_WORDS, SECRET, Blueprints
from butai.db import Database
from butai.errors import NotFoundError, RefusedError, WrongUseError, did_you_mean
from butai.inventory import coverage_store as store
from butai.inventory import places
from butai.inventory.backends import root_of, written
from butai.inventory.graphs import Read
from butai.inventory.model import Graph, Kind
from butai.inventory.naming import root_named
from butai.inventory.service import Inventory
from butai.inventory.told_states import ToldState, ToldStates
from butai.inventory.told_views import PlaceRequest, ToldView
from butai.terraform.text import plain
from butai.text import text


class Told:
    """States that somebody told of."""

    def __init__(
        self,
        database: Database,
        inventory: Inventory,
        blueprints: Blueprints,
        states: ToldStates,
        environ: Mapping[str, str],
        now: Callable[[], datetime],
    ) -> None:
        self._database, self._inventory, self._blueprints = database, inventory, blueprints
        self._states, self._environ, self._now = states, environ, now

    def list(self, name: str) -> Sequence[ToldView]:
        """A repository's, as they were read last. Raises NotFoundError."""
        self._inventory.mirror(name)
        return self._views(name, self._states.kept(name))

    def add(self, name: str, request: PlaceRequest) -> Sequence[ToldView]:
        """Tell of one, which is read now; whatever comes of that, it is known. One that is known may be told more of."""
        read = self._inventory.read(name)
        root = root_named(read.graph, request.root) if request.root else ""
        place = places.checked(request.place) if request.place else _place_of(read.graph, root)
        more = {**self._more(name, request, read, root or root_of(read.graph, place, ()) or ""), "root": root}
        try:
            self._keep(name, place, more)
        except IntegrityError:
            # Somebody told of the same at the same moment.
            self._keep(name, place, more)
        return self._views(name, self._states.read(name, self.accesses(name), place))

    def _keep(self, name: str, place: str, more: Mapping[str, Any]) -> None:
        with self._database.session() as session:
            row = store.state_at(session, name, place)
            if row is None:
                row = store.InventoryState(repository=name, place=place, added_at=self._now())
                session.add(row)
            elif not any(more.values()):
                raise RefusedError(
                    text("The state at {place} is known already.", place=place), where="place", code="state-known"
                )
            if more["root"] not in ("", row.root):
                # What was found of another root is none of this one's.
                row.environment_id = None
            for field, value in more.items():
                if value:
                    setattr(row, field, value)

    def read(self, name: str) -> Sequence[ToldView]:
        """Read all of them again."""
        self._inventory.mirror(name)
        return self._views(name, self._states.read(name, self.accesses(name)))

    def read_all(self, _max_age_s: float = 0) -> None:
        """Those of every repository: nobody waits for them later."""
        for each in self._inventory.list():
            if self._states.kept(each.name):
                self._states.read(each.name, self.accesses(each.name))

    def remove(self, name: str, place: str) -> Sequence[ToldView]:
        """Forget one."""
        self._inventory.mirror(name)
        with self._database.session() as session:
            row = store.state_at(session, name, place)
            if row is None:
                raise unknown(place)
            session.delete(row)
        return self.list(name)

    def accesses(self, name: str) -> Sequence[Access]:
        """As whom a repository's states and accounts are read: as its blueprints say, else as the server's environment does."""
        blueprints = (self._blueprints.newest_known(each) for each in self._inventory.blueprints_of(name))
        found = [Access(each.region, each.profile or "", each.role or "") for each in blueprints if each]
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        return found or ([Access(region)] if region else [])

    def _views(self, name: str, states: Sequence[ToldState]) -> Sequence[ToldView]:
        graph = self._inventory.read(name).graph
        return [_view(graph, each) for each in states]

    def _more(self, name: str, request: PlaceRequest, read: Read, root: str) -> dict[str, Any]:
        if request.profile and request.role:
            raise WrongUseError(text("Either a profile or a role."), where="role")
        for variable, reference in request.secrets.items():
            _check_secret(read.graph, root, variable, reference)
        files = [self._var_file(name, read.commit, root, each) for each in request.var_files]
        return {**request.model_dump(include={"region", "profile", "role", "secrets"}), "var_files": files}

    def _var_file(self, name: str, commit: str, root: str, file: str) -> str:
        """The file's path from its root. Raises NotFoundError where the commit has none there."""
        path = posixpath.normpath(posixpath.join(root or ".", file))
        if not path.startswith(("/", "../")) and path != "..":
            self._inventory.mirror(name).read(commit, path)
            return posixpath.normpath(file)
        raise WrongUseError(
            text("`{file}` is in no folder of the repository.", file=plain(file)),
            next=text("Say its path from the root's folder, such as `prod.tfvars`."),
            where="var_files",
            code="bad-var-file",
        )


def _check_secret(graph: Graph, root: str, variable: str, reference: str) -> None:
    if not re.fullmatch(SECRET, reference):
        raise WrongUseError(
            text("The secret for `{variable}` {problem}.", variable=plain(variable), problem=PATTERN_WORDS[SECRET]),
            where="secrets",
            code="bad-secret",
        )
    known = [each.name for each in graph.in_module(root) if each.kind is Kind.VARIABLE]
    if root and variable not in known:
        raise NotFoundError(
            text("The root has no variable `{name}`.", name=plain(variable)),
            next=did_you_mean(variable, known),
            where="secrets",
            code="unknown-variable",
        )


def unknown(place: str) -> NotFoundError:
    """That nobody told of such a one."""
    return NotFoundError(
        text("Nobody told of a state at {place}.", place=plain(place)), where="place", code="unknown-state"
    )


def _place_of(graph: Graph, root: str) -> str:
    """Where a root says that its state lies."""
    found = [each.place for each in written(graph) if each.root == root]
    if found:
        return places.checked(found[0])
    raise WrongUseError(
        text("The root `{root}` does not say in code where its state lies.", root=root)
        if root
        else text("It was not said where the state lies."),
        next=text("Say `s3://BUCKET/KEY`, `https://HOST/PATH`, or the absolute path of a file on the server."),
        where="place",
        code="no-place",
    )


def _view(graph: Graph, each: ToldState) -> ToldView:
    own, failure = each.own or Access(""), each.failure
    return ToldView(
        place=each.place,
        root=each.root or root_of(graph, each.place, each.instances) or "",
        region=own.region,
        profile=own.profile,
        role=own.role,
        var_files=[*each.var_files],
        secrets={**each.secrets},
        read_at=each.read_at,
        instances=each.count,
        problem=failure.what if failure else "",
        why=failure.why if failure else "",
        next=failure.next if failure else "",
    )
