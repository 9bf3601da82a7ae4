"""One service's roll-out, followed look by look: what ECS says of it is told as soon as it is seen."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from butai.aws import deployments
from butai.aws.awslogs import log_stream
from butai.aws.clients import Clients
from butai.aws.deployments import Stopped
from butai.deploys.model import RollOut, Stands, roll_out, stop_timeout
from butai.deploys.task import Target
from butai.deploys.timing import Course, advice, dearest, told
from butai.runs.saying import say
from butai.text import Text, text

# A log arrives a little after its task's end. That many looks it is waited for before the end is told without it.
LOG_LOOKS = 3


@dataclass
class Rolling:
    """The roll-out of one deployment. `since`: events from before are not its own. `course`: by the monotonic clock."""

    clients: Clients
    target: Target
    definition: dict[str, Any]
    revision: str
    deployment: str
    since: datetime
    course: Course
    now: RollOut = field(default_factory=lambda: RollOut(Stands.GOES_ON))
    failure: Text | None = None
    _told: set[str] = field(default_factory=set)
    _waited: dict[str, int] = field(default_factory=dict)
    _counts: tuple[int, int] | None = None
    _service: dict[str, Any] = field(default_factory=dict)

    def look(self, service: dict[str, Any]) -> None:
        """Take in what DescribeServices says now."""
        self._service = service
        self._tell_events(service)
        self.now = roll_out(service, self.deployment, self.revision)
        self.course.saw(self.now, time.monotonic())
        if self.now.stands is Stands.GOES_ON and self._counts != (self.now.running, self.now.desired):
            self._counts = self.now.running, self.now.desired
            say(
                text(
                    "{service}: {running} of {desired} new tasks run, {old} old ones still do.",
                    service=self.target.name,
                    running=self.now.running,
                    desired=self.now.desired,
                    old=self.now.old,
                )
            )
        if self.now.failed > self._failures_told or self.now.stands is Stands.REPLACED:
            self._tell_failures()

    @property
    def over(self) -> bool:
        """Whether nothing more is to be seen of it; the last failed task's own words are waited for a moment."""
        return self.now.stands is not Stands.GOES_ON and not self._waited

    def tell_times(self) -> None:
        """Where the time went, and which setting costs most of it."""
        split = self.course.split()
        say(text("{service}: {times}", service=self.target.name, times=told(split)))
        if phase := dearest(split):
            words = advice(phase, self._group(), stop_timeout(self.definition))
            say(text("{service}: {advice}", service=self.target.name, advice=words))

    def _group(self) -> dict[str, Any]:
        balancers = self._service.get("loadBalancers") or []
        arn = next((each["targetGroupArn"] for each in balancers if each.get("targetGroupArn")), "")
        try:
            return deployments.target_group(self.clients("elbv2"), arn) if arn else {}
        except (ClientError, BotoCoreError):
            # Advice that cannot be looked up is left out; the deploy itself ended well.
            return {}

    @property
    def _failures_told(self) -> int:
        return sum(each.startswith("arn:") for each in self._told)

    def _tell_events(self, service: dict[str, Any]) -> None:
        for event in reversed(service.get("events") or []):
            if event["id"] not in self._told and event["createdAt"] >= self.since:
                say(text("ECS: {message}", message=event["message"]))
            self._told.add(event["id"])

    def _tell_failures(self) -> None:
        ecs, target = self.clients("ecs"), self.target
        for task in deployments.stopped_tasks(ecs, target.cluster, target.service):
            if task.deployment != self.deployment or task.arn in self._told:
                continue
            line = self._last_line(task)
            waited = self._waited.get(task.arn, 0)
            if not line and waited < LOG_LOOKS:
                self._waited[task.arn] = waited + 1
                continue
            self._waited.pop(task.arn, None)
            self._told.add(task.arn)
            self.failure = _words_of(task, line)
            say(text("{service}: {failure}", service=target.name, failure=self.failure))

    def _last_line(self, task: Stopped) -> str:
        for name in task.containers:
            place = log_stream(self.definition, name, task.arn)
            if place and (line := deployments.last_line(self.clients("logs"), *place)):
                return line
        return ""


def _words_of(task: Stopped, line: str) -> Text:
    """Why a task ended: its reason, its first container that did not end well, and the last thing that it said."""
    number = task.arn.rpartition("/")[2][:8]
    ended = [(name, code, why) for name, (code, why) in task.containers.items() if code != 0]
    words = text("task {task} has stopped: {reason}", task=number, reason=task.reason or text("no reason given"))
    if ended and ended[0][1] is not None:
        words = text("{one} ({name}: exit code {code})", one=words, name=ended[0][0], code=ended[0][1])
    elif ended and ended[0][2] and ended[0][2] != task.reason:
        words = text("{one} ({name}: {reason})", one=words, name=ended[0][0], reason=ended[0][2])
    return text("{one}. Its last line: {line}", one=words, line=line) if line else words
