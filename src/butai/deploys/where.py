"""Where ECS has a service of an environment, by its state. Pure."""

from __future__ import annotations

from butai.aws.ecs import ServiceRef, parse_service_arn
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
    address = at.blueprint.services[name].ecs_service
    ref = _where(state, address) if state else None
    if ref is None:
        raise RefusedError(
            text("`{environment}` has no ECS service for `{name}`.", environment=shown.name, name=name),
            why=text("Its state knows nothing under `{address}`.", address=address),
            next=text("An update makes it: `butai env update {environment}`.", environment=shown.name),
            code="no-ecs-service",
        )
    return ref


def _where(state: StateSummary, address: str) -> ServiceRef | None:
    """The ECS service at an address of the state, or the one that an output names by its ARN or its name."""
    services = {each.address: ref for each in state.resources if (ref := _service(each.type, each.id))}
    if not address.startswith("output."):
        return services.get(address)
    value = next((each.value for each in state.outputs if each.name == address.removeprefix("output.")), None)
    named = [each for each in services.values() if each.name == value]
    return parse_service_arn(str(value)) or (named[0] if named else None)


def _service(type_: str, id_: str) -> ServiceRef | None:
    return parse_service_arn(id_) if type_ == "aws_ecs_service" else None
