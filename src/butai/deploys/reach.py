"""The way to a running service: from an environment's name, over its blueprint and its state, to ECS with credentials."""

from __future__ import annotations

from dataclasses import dataclass

from butai.aws.clients import Clients
from butai.aws.ecs import ServiceRef
from butai.aws.session import session_for
from butai.blueprints.service import Blueprints
from butai.deploys.where import ecs_service, refuse_unknown
from butai.environments.service import Environments
from butai.states.service import States
from butai.terraform.state import summary


@dataclass(frozen=True)
class Reached:
    """A service of an environment: where ECS has it, and clients that may ask there."""

    environment: str
    ref: ServiceRef
    clients: Clients


@dataclass(frozen=True)
class Reach:
    """The services of all environments."""

    environments: Environments
    blueprints: Blueprints
    states: States

    def service(self, name: str, service: str, *, blueprint: str | None) -> Reached:
        """One of them. Raises NotFoundError where the environment has none of that name, RefusedError where ECS has none."""
        shown = self.environments.get(name, blueprint=blueprint)
        refuse_unknown(shown, service)
        at = self.blueprints.at_commit(shown.blueprint, shown.commit)
        document = self.states.read(shown.id)
        ref = ecs_service(shown, at, summary(document) if document else None, service)
        return Reached(shown.name, ref, Clients(session_for(at.access)))
