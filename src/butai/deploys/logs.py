"""What the tasks of a service print: read from CloudWatch Logs, all tasks together, in the order of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, Field

from butai.aws import deployments
from butai.aws.awslogs import log_places
from butai.aws.logs import AT_ONCE, Line, lines_since
from butai.aws.session import AccessError
from butai.deploys.reach import Reach, Reached
from butai.deploys.tail import Tail
from butai.errors import RefusedError
from butai.terraform.text import plain
from butai.text import text

# A client for logs, a group, and how the names of its streams begin.
Place = tuple[Any, str, str]
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

    reach: Reach
    now: Callable[[], datetime]

    def read(
        self, name: str, service: str, *, minutes: int, after: datetime | None = None, blueprint: str | None = None
    ) -> list[LogLineShape]:
        """Lines of the last minutes, or since a time; the oldest thousand of them, oldest first."""
        reached = self.reach.service(name, service, blueprint=blueprint)
        with _said_of(service):
            return _lines(_places(reached), after or self.now() - timedelta(minutes=minutes))

    def newest(
        self, name: str, service: str, *, minutes: int, most: int, blueprint: str | None = None
    ) -> list[LogLineShape]:
        """The newest lines of the last minutes, oldest first."""
        reached, since = self.reach.service(name, service, blueprint=blueprint), self.now() - timedelta(minutes=minutes)
        tail, found = Tail(), deque[LogLineShape](maxlen=most)
        with _said_of(service):
            places = _places(reached)
            for _ in range(PAGES_AT_MOST):
                got = _lines(places, tail.after or since)
                new = {line["id"] for line in tail.take([each.model_dump(mode="json") for each in got])}
                found += [each for each in got if each.id in new]
                if not tail.more:
                    break
        return list(found)


@contextmanager
def _said_of(service: str) -> Iterator[None]:
    """What AWS refuses is told as an error of this service's logs."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise AccessError(
            text("The logs of `{service}` cannot be read.", service=service),
            why=str(error),
            next=text("The server's credentials need `ecs:Describe*` and `logs:FilterLogEvents`."),
        ) from error


def _places(reached: Reached) -> list[Place]:
    """Where the service's containers write to. Raises RefusedError where that is not CloudWatch Logs."""
    ecs, cluster, name = reached.clients("ecs"), reached.ref.cluster, reached.ref.name
    described = deployments.services(ecs, cluster, [name]) or {}
    if name not in described:
        raise RefusedError(
            text("ECS has no service `{name}` in `{cluster}`.", name=name, cluster=cluster),
            code="no-ecs-service",
        )
    places = log_places(deployments.revision(ecs, described[name]["taskDefinition"]).definition)
    if not places:
        raise RefusedError(
            text("The containers of `{name}` do not write to CloudWatch Logs.", name=name),
            why=text("Their task definition has no `awslogs` driver with a stream prefix."),
            code="logs-elsewhere",
        )
    return [(reached.clients("logs"), group, prefix) for group, prefix in places]


def _lines(places: list[Place], since: datetime) -> list[LogLineShape]:
    found = [line for logs, group, prefix in places for line in lines_since(logs, group, prefix, since)]
    # Of each container the oldest are here: what comes after the oldest of all may have gaps.
    return [_shape(each) for each in sorted(found, key=lambda line: line.at)[:AT_ONCE]]


def _shape(line: Line) -> LogLineShape:
    _, container, task = line.stream.rsplit("/", 2)
    return LogLineShape(id=line.id, at=line.at, task=task, container=container, message=plain(line.message))
