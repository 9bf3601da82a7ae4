"""Where ECS has a service of an environment, by its state. Pure."""

from __future__ import annotations

from butai.aws.ecs import ServiceRef, service_in
from butai.blueprints.service import AtCommit
from butai.environments.service import EnvironmentView
from butai.errors import NotFoundError, RefusedError, did_you_mean
from butai.terraform.state import StateSummary
from butai.text import text


def refuse_unknown(shown: EnvironmentView, name: str) -> None:
    """Raise NotFoundError where the environment has no service of that name."""
    known = [each.name for each in shown.services]
    if name not in known:
        raise NotFoundError(
            text("`{environment}` has no service `{name}`.", environment=shown.name, name=name),
            next=did_you_mean(name, known),
            where="service",
            code="unknown-service",
        )


def ecs_service(shown: EnvironmentView, at: AtCommit, state: StateSummary | None, name: str) -> ServiceRef:
    """Cluster and name. Raises RefusedError where the state knows nothing under the blueprint's address."""
    if shown.adopted and name in shown.adopted.found:
        found = shown.adopted.found[name]
        return ServiceRef(found.cluster, found.service)
    address = at.blueprint.services[name].ecs_service
    ref = service_in(state, address) if state else None
    if ref is None:
        raise RefusedError(
            text("`{environment}` has no ECS service for `{name}`.", environment=shown.name, name=name),
            why=text("Its state knows nothing under `{address}`.", address=address),
            next=text("An update makes it: `butai env update {environment}`.", environment=shown.name),
            code="no-ecs-service",
        )
    return ref
