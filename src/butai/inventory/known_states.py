"""All states that Butai knows: those of its environments, and those of which somebody told where they lie."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from butai.aws.session import Access
from butai.blueprints.service import Blueprints
from butai.db import Database
from butai.environments.service import Environments, EnvironmentView
from butai.errors import ButaiError
from butai.git.repository import Repository
from butai.inventory import coverage_store as store
from butai.inventory.coverage_model import figures, paths
from butai.inventory.coverage_views import StateView
from butai.inventory.measures import Figures
from butai.inventory.model import Graph
from butai.inventory.told_states import ToldStates
from butai.states.service import States
from butai.terraform.state_index import StateInstance, index

TOP = "."
"""The folder of a root at the top of its repository, as a graph names it."""


@dataclass(frozen=True)
class KnownState:
    """A state with what is in it; nothing where it could not be read, which the view tells. `root`: as somebody said."""

    view: StateView
    instances: tuple[StateInstance, ...] = ()
    root: str = ""


class KnownStates:
    """States of all environments, of every blueprint, and of those that somebody told of."""

    def __init__(
        self,
        database: Database,
        blueprints: Blueprints,
        environments: Environments,
        states: States,
        told: ToldStates,
    ) -> None:
        self._database, self._blueprints, self._environments = database, blueprints, environments
        self._states, self._told = states, told
        self._lock = threading.Lock()
        self._newest: dict[int, tuple[object, tuple[StateInstance, ...]]] = {}

    def own(self) -> list[KnownState]:
        """Those of environments that have one."""
        found = [self._own(each) for each in self._environments.list()]
        return [each for each in found if each]

    def newest(self, environment_id: int) -> tuple[StateInstance, ...] | None:
        """What the newest version that Butai keeps has in it; none where there is none. Opened once each version.

        Raises a ButaiError where it cannot be read.
        """
        head = self._states.newest_head(environment_id)
        with self._lock:
            known = self._newest.get(environment_id)
        if known is None or known[0] != head:
            known = head, tuple(index(self._states.read(environment_id) or b""))
            with self._lock:
                self._newest[environment_id] = known
        return known[1] if head is not None else None

    def told(self, repository: str, accesses: Sequence[Access]) -> list[KnownState]:
        """Those that somebody told of for a repository, read now."""
        found = self._told.read(repository, accesses)
        return [
            _unknown(each.place, each.failure, own=False)
            if each.failure
            else replace(_known(each.place, each.instances, own=False), root=each.root)
            for each in found
        ]

    def figures(self, repository: Repository, _commit: str, graph: Graph) -> Figures:
        """How much of each resource of a commit known states hold. Environments' are those of now, others of the last look."""
        held: defaultdict[str, set[str]] = defaultdict(set)
        with self._database.reading() as session:
            for kept in store.held_at(session, repository.location):
                for root, of_root in kept.items():
                    held[root] |= set(of_root)
        roots = {
            each.name: each.root or TOP for each in self._blueprints.list() if each.repository == repository.location
        }
        for environment in self._environments.list():
            here = self._paths_of(environment.id) if environment.blueprint in roots else None
            if here is not None:
                held[roots[environment.blueprint]] |= here
        return figures(graph, held)

    def _own(self, environment: EnvironmentView) -> KnownState | None:
        name = f"{environment.blueprint}/{environment.name}"
        try:
            instances = self.newest(environment.id)
            if instances is None:
                remote = self._environments.remote(environment)
                document = remote.read() if remote else None
                instances = tuple(index(document)) if document else None
            return None if instances is None else _known(name, instances, own=True)
        except ButaiError as error:
            return _unknown(name, error, own=True)

    def _paths_of(self, environment_id: int) -> set[str] | None:
        try:
            instances = self.newest(environment_id)
        except ButaiError:
            return None
        return None if instances is None else paths(instances)


def _known(name: str, instances: tuple[StateInstance, ...], *, own: bool) -> KnownState:
    managed = sum(each.mode == "managed" for each in instances)
    return KnownState(StateView(name=name, own=own, instances=managed), instances)


def _unknown(name: str, error: ButaiError, *, own: bool) -> KnownState:
    return KnownState(StateView(name=name, own=own, instances=0, problem=error.what, why=error.why, next=error.next))
