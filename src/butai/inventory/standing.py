"""How what a repository's code declares stands in states: those of environments, and those that somebody told of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from butai.blueprints.service import Blueprints
from butai.environments.service import DriftShape, Environments, EnvironmentView, RootLook
from butai.errors import ButaiError
from butai.inventory.backends import root_of
from butai.inventory.held import Held, by_node, held
from butai.inventory.known_states import TOP, KnownStates
from butai.inventory.model import Graph
from butai.inventory.service import Inventory
from butai.inventory.standing_views import DriftView, NodeStanding, StandingView, Whose, check_view, instance_view
from butai.inventory.told_states import ToldState, ToldStates
from butai.terraform.state_index import StateInstance


@dataclass(frozen=True)
class _State:
    """One state of a repository's, whosever it is. `drift`: what the newest check found. `more`: what else is shown."""

    whose: Whose
    instances: Sequence[StateInstance]
    failure: ButaiError | None = None
    drift: DriftShape | None = None
    more: dict[str, Any] = field(default_factory=dict)


class Standings:
    """All states of the inventory's repositories, side by side with their code."""

    def __init__(
        self,
        inventory: Inventory,
        environments: Environments,
        blueprints: Blueprints,
        known: KnownStates,
        told: ToldStates,
    ) -> None:
        self._inventory, self._environments = inventory, environments
        self._blueprints, self._known, self._told = blueprints, known, told

    def of(self, name: str) -> list[StandingView]:
        """Every state of a repository's roots. Raises NotFoundError."""
        graph = self._inventory.read(name).graph
        return [_standing(graph, each) for each in self._states(name, graph)]

    def of_node(self, name: str, id_: str) -> list[NodeStanding]:
        """One node in every state that has it."""
        graph = self._inventory.read(name).graph
        found = []
        for each in self._states(name, graph):
            here = by_node(graph, each.whose.root, each.instances).get(id_, ())
            drift = [one for one in _drift(graph, each) if one.node == id_]
            if here or drift:
                views = [instance_view(one) for one in here]
                found.append(NodeStanding(**vars(each.whose), instances=views, drift=drift))
        return found

    def _states(self, name: str, graph: Graph) -> Iterator[_State]:
        theirs = self._inventory.blueprints_of(name)
        roots = {each.name: each.root or TOP for each in self._blueprints.list() if each.name in theirs}
        for shown in self._environments.list() if roots else ():
            if shown.blueprint in roots:
                yield self._of_environment(shown, roots[shown.blueprint])
        told = self._told.kept(name)
        looks = self._environments.root_looks([each.environment_id for each in told if each.environment_id])
        for each in told:
            yield _of_told(graph, each, looks.get(each.environment_id or 0))

    def _of_environment(self, shown: EnvironmentView, root: str) -> _State:
        whose = Whose(environment=shown.name, blueprint=shown.blueprint, root=root)
        more = {"commit": shown.commit}
        try:
            return _State(whose, self._known.newest(shown.id) or (), drift=shown.drift, more=more)
        except ButaiError as error:
            return _State(whose, (), error, shown.drift, more)


def _of_told(graph: Graph, told: ToldState, look: RootLook | None) -> _State:
    whose = Whose(place=told.place, root=told.root or root_of(graph, told.place, told.instances) or "")
    more = {"read_at": told.read_at, "check": check_view(look) if look else None}
    return _State(whose, told.instances, told.failure, look.drift if look else None, more)


def _standing(graph: Graph, state: _State) -> StandingView:
    instances, root, drift, failure = state.instances, state.whose.root, state.drift, state.failure
    # A state that cannot be read any more is told of as it was read last, if it ever was.
    side = held(graph, root, instances) if root in graph.modules and (instances or not failure) else None
    managed = [each for each in instances if each.mode == "managed"]
    return StandingView(
        **vars(state.whose),
        **state.more,
        instances=len(managed),
        accounts=sorted({each.account for each in managed} - {""}),
        regions=sorted({each.region for each in managed} - {""}),
        **(_said(failure) if failure else {}),
        **(_differences(side) if side else {}),
        drift_at=drift.at if drift else None,
        drift_run=drift.run if drift else None,
        drift=list(_drift(graph, state)),
    )


def _said(failure: ButaiError) -> dict[str, Any]:
    return {"failure": failure.what, "why": failure.why, "next": failure.next}


def _differences(side: Held) -> dict[str, Any]:
    return {
        "missing": [each.path for each in side.joined.missing],
        "perhaps_missing": [each.path for each in side.joined.perhaps_missing],
        "undeclared": [instance_view(each) for each in side.joined.undeclared],
        "elsewhere": side.elsewhere,
    }


def _drift(graph: Graph, state: _State) -> Iterator[DriftView]:
    root = state.whose.root
    for each in state.drift.items if state.drift else ():
        node = graph.find(root, each.address) if root in graph.modules else None
        yield DriftView(
            address=each.address,
            node=node.id if node else "",
            action=each.action,
            outside=each.outside,
            attributes=[one.path for one in each.attributes],
            in_code=each.in_code,
        )
