"""How what a repository's code declares stands in the environments made from it: their states, and their drift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from butai.blueprints.service import Blueprints
from butai.environments.service import Environments, EnvironmentView
from butai.errors import ButaiError
from butai.inventory.held import Held, by_node, held
from butai.inventory.known_states import TOP, KnownStates
from butai.inventory.model import Graph
from butai.inventory.service import Inventory
from butai.terraform.state_index import StateInstance


class InstanceView(BaseModel):
    """Something that a state holds."""

    address: str
    id: str
    arn: str
    region: str
    account: str
    tainted: bool


class DriftView(BaseModel):
    """What the newest drift check found about one address. `node`: where that is written, if it is in this repository."""

    address: str
    node: str
    action: str = Field(description="What an update would do: create, update, delete, replace.")
    outside: str = Field(description="update or delete, where that was seen in the world; else empty.")


class EnvironmentStanding(BaseModel):
    """One environment's state against the newest code of its root."""

    environment: str
    blueprint: str
    root: str
    commit: str = Field(description="The blueprint's commit that the environment is on.")
    instances: int = Field(description="What its state holds; data sources left out.")
    failure: str = Field(default="", description="Why its state cannot be read.")
    missing: list[str] = Field(default=[], description="In code and not in the state.")
    perhaps_missing: list[str] = Field(
        default=[], description="The same of what `count` or `for_each` may make none of."
    )
    undeclared: list[InstanceView] = Field(default=[], description="In the state and not in code.")
    elsewhere: int = Field(default=0, description="Instances of modules whose code is in no folder of this repository.")
    drift_at: datetime | None = Field(default=None, description="When drift was last looked for.")
    drift_run: int | None = None
    drift: list[DriftView] = []


class NodeStanding(BaseModel):
    """What one environment's state holds of a node, and the drift of that."""

    environment: str
    blueprint: str
    instances: list[InstanceView]
    drift: list[DriftView]


class Standings:
    """The environments of the inventory's repositories."""

    def __init__(
        self, inventory: Inventory, environments: Environments, blueprints: Blueprints, known: KnownStates
    ) -> None:
        self._inventory, self._environments = inventory, environments
        self._blueprints, self._states = blueprints, known

    def of(self, name: str) -> list[EnvironmentStanding]:
        """Every environment that is made from a repository. Raises NotFoundError."""
        graph = self._inventory.read(name).graph
        return [self._standing(graph, shown, root) for shown, root in self._environments_of(name)]

    def of_node(self, name: str, id_: str) -> list[NodeStanding]:
        """One node in every environment that has it."""
        graph = self._inventory.read(name).graph
        found = []
        for shown, root in self._environments_of(name):
            instances, _ = self._instances(shown)
            here = by_node(graph, root, instances).get(id_, ())
            drift = [each for each in _drift(graph, shown, root) if each.node == id_]
            if here or drift:
                views = [_instance(each) for each in here]
                standing = NodeStanding(environment=shown.name, blueprint=shown.blueprint, instances=views, drift=drift)
                found.append(standing)
        return found

    def _environments_of(self, name: str) -> Iterator[tuple[EnvironmentView, str]]:
        theirs = self._inventory.blueprints_of(name)
        roots = {each.name: each.root or TOP for each in self._blueprints.list() if each.name in theirs}
        for shown in self._environments.list():
            if shown.blueprint in roots:
                yield shown, roots[shown.blueprint]

    def _instances(self, shown: EnvironmentView) -> tuple[Sequence[StateInstance], str]:
        try:
            return self._states.newest(shown.id) or (), ""
        except ButaiError as error:
            return (), error.what

    def _standing(self, graph: Graph, shown: EnvironmentView, root: str) -> EnvironmentStanding:
        instances, failure = self._instances(shown)
        side = held(graph, root, instances) if root in graph.modules and not failure else None
        drift = shown.drift
        return EnvironmentStanding(
            environment=shown.name,
            blueprint=shown.blueprint,
            root=root,
            commit=shown.commit,
            instances=sum(each.mode == "managed" for each in instances),
            failure=failure,
            **(_differences(side) if side else {}),
            drift_at=drift.at if drift else None,
            drift_run=drift.run if drift else None,
            drift=list(_drift(graph, shown, root)),
        )


def _differences(side: Held) -> dict[str, Any]:
    return {
        "missing": [each.path for each in side.joined.missing],
        "perhaps_missing": [each.path for each in side.joined.perhaps_missing],
        "undeclared": [_instance(each) for each in side.joined.undeclared],
        "elsewhere": side.elsewhere,
    }


def _drift(graph: Graph, shown: EnvironmentView, root: str) -> Iterator[DriftView]:
    for each in shown.drift.items if shown.drift else ():
        node = graph.find(root, each.address) if root in graph.modules else None
        yield DriftView(address=each.address, node=node.id if node else "", action=each.action, outside=each.outside)


def _instance(each: StateInstance) -> InstanceView:
    return InstanceView(
        address=each.address, id=each.id, arn=each.arn, region=each.region, account=each.account, tainted=each.tainted
    )
