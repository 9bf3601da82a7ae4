"""What the tasks of a service print: read from CloudWatch Logs, all tasks together, in the order of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, Field

from butai.aws import deployments
from butai.aws.logs import AT_ONCE, Line, lines_since
from butai.aws.session import AccessError, session_for
from butai.blueprints.service import Blueprints
from butai.deploys.clients import Clients
from butai.deploys.model import log_places
from butai.deploys.tail import Tail
from butai.deploys.where import ecs_service, refuse_unknown
from butai.environments.service import Environments
from butai.errors import RefusedError
from butai.states.service import States
from butai.terraform.state import summary
from butai.terraform.text import plain
from butai.text import text

# Of a service that prints more than that a page would be minutes late.
PAGES_AT_MOST = 10


class LogLineShape(BaseModel):
    """One line of one task."""

    id: str = Field(
        description="Unique within its group: who follows asks with an overlap and leaves out what was there."
    )
    at: datetime
    task: str
    container: str
    message: str


@dataclass(frozen=True)
class ServiceLogs:
    """The logs of all environments' services."""

    environments: Environments
    blueprints: Blueprints
    states: States
    now: Callable[[], datetime]

    def read(
        self, name: str, service: str, *, minutes: int, after: datetime | None = None, blueprint: str | None = None
    ) -> list[LogLineShape]:
        """Lines of the last minutes, or since a time; the oldest thousand of them, oldest first."""
        shown = self.environments.get(name, blueprint=blueprint)
        refuse_unknown(shown, service)
        at = self.blueprints.at_commit(shown.blueprint, shown.commit)
        document = self.states.read(shown.id)
        ref = ecs_service(shown, at, summary(document) if document else None, service)
        since = after or self.now() - timedelta(minutes=minutes)
        try:
            found = self._found(Clients(session_for(at.access)), ref.cluster, ref.name, since)
        except (ClientError, BotoCoreError) as error:
            raise AccessError(
                text("The logs of `{service}` cannot be read.", service=service),
                why=str(error),
                next=text("The server's credentials need `ecs:Describe*` and `logs:FilterLogEvents`."),
            ) from error
        # Of each container the oldest are here: what comes after the oldest of all may have gaps.
        return [_shape(each) for each in sorted(found, key=lambda line: line.at)[:AT_ONCE]]

    def newest(
        self, name: str, service: str, *, minutes: int, most: int, blueprint: str | None = None
    ) -> list[LogLineShape]:
        """The newest lines of the last minutes, oldest first."""
        tail, found = Tail(), deque[LogLineShape](maxlen=most)
        for _ in range(PAGES_AT_MOST):
            got = self.read(name, service, minutes=minutes, after=tail.after, blueprint=blueprint)
            new = {line["id"] for line in tail.take([each.model_dump(mode="json") for each in got])}
            found += [each for each in got if each.id in new]
            if not tail.more:
                break
        return list(found)

    def _found(self, clients: Clients, cluster: str, name: str, since: datetime) -> list[Line]:
        described = deployments.services(clients("ecs"), cluster, [name]) or {}
        if name not in described:
            raise RefusedError(
                text("ECS has no service `{name}` in `{cluster}`.", name=name, cluster=cluster),
                code="no-ecs-service",
            )
        definition = deployments.revision(clients("ecs"), described[name]["taskDefinition"]).definition
        places = log_places(definition)
        if not places:
            raise RefusedError(
                text("The containers of `{name}` do not write to CloudWatch Logs.", name=name),
                why=text("Their task definition has no `awslogs` driver with a stream prefix."),
                code="logs-elsewhere",
            )
        return [line for group, prefix in places for line in lines_since(clients("logs"), group, prefix, since)]


def _shape(line: Line) -> LogLineShape:
    _, container, task = line.stream.rsplit("/", 2)
    return LogLineShape(id=line.id, at=line.at, task=task, container=container, message=plain(line.message))
