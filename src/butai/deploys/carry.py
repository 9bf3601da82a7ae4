"""The program that carries a deploy out: look at everything, register, set, and follow until it is known how it ended.

    python -m butai.deploys.carry RUN_FOLDER

A run's supervisor starts it in the engine's place. Killed at any moment it leaves nothing half written, and doing it again
does not do twice what was done: a revision that is there already is found by what is in it.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from butai.aws import deployments
from butai.aws.clients import Clients, own_clients, read_descriptions
from butai.aws.definition import exchange
from butai.aws.deployments import Revision
from butai.aws.image import parse_image
from butai.aws.once import container_for
from butai.deploys.images import Images
from butai.deploys.model import Stands, foreign_image
from butai.deploys.rolling import Rolling
from butai.deploys.task import Before, Came, Stage, Target, Task, read_task, write_result
from butai.deploys.timing import Course
from butai.deploys.verify import Verification, Verified
from butai.errors import ButaiError
from butai.runs.migrations import keep_ran
from butai.runs.model import ROLL_OUT_FAILED
from butai.runs.once import Once
from butai.runs.program import DONE, FAILED, Stop, listen
from butai.runs.saying import complain, complain_of, say, tell
from butai.text import Text, joined, text

LOOK_EVERY_S = 1.0
ASKED_ALWAYS = ("ecs", "iam", "logs", "ssm")
ASKED = ("ec2", "ecr", "ecs", "elbv2", "iam", "logs", "secretsmanager", "ssm")


@dataclass
class Deploying:
    """One deploy on its way."""

    task: Task
    folder: Path
    clients: Clients
    stop: Stop
    came: dict[str, Came] = field(default_factory=dict)
    _began: float = 0.0
    _imaged: float = 0.0

    def do(self) -> int:
        """All of it; the exit code."""
        self._began = time.monotonic()
        targets, without = Images(self.task, self.clients, self.stop).find()
        self._imaged = time.monotonic()
        if self.stop.asked:
            return FAILED
        if without:
            return _refused(without)
        self.task = replace(self.task, targets=targets)
        found = Verification(self.clients, self.task.targets).look()
        for words in found.unseen:
            say(words)
        if found.problems:
            return _refused(found.problems)
        if self.stop.asked:
            return FAILED
        if failure := self._run_once(found):
            complain(text("Nothing was deployed: what ran before serves on. {why}", why=failure))
            return ROLL_OUT_FAILED
        rolling = [self._set(each, found) for each in self.task.targets]
        return self._follow(rolling)

    def _run_once(self, found: Verified) -> Text | None:
        """What runs once before, with the new version of its service. Why the first that failed did; nothing if none did."""
        by_name = {each.name: each for each in self.task.targets}
        for number, once in enumerate(self.task.once):
            target = by_name[once.service]
            present = found.present[target.name]
            wanted = exchange(present.definition, target.image, target.variables).definition
            arn = self._registered(found, present, wanted)
            self._write(target.name, Came(Stage.REGISTERED, present.arn, arn, target.image))
            hook = {"resource": {"addr": f"tasks.before_deploy[{number}]", "resource_type": "task"}, "action": "update"}
            tell(text("{service}: a task runs before", service=target.name), "apply_start", hook=hook)
            failure = self._once(once, target, found, arn, wanted)
            tell(text("{service}: the task is over", service=target.name),
                 "apply_errored" if failure else "apply_complete", hook=hook)  # fmt: skip
            if failure:
                self._forget_registered(found)
                return failure
        if self.task.once:
            keep_ran(self.folder, {each.service for each in self.task.once})
        return None

    def _once(self, once: Before, target: Target, found: Verified, arn: str, definition: dict[str, Any]) -> Text | None:
        container = container_for(definition, target.image, once.container)
        if not container:
            return text("{service}: no container was named for `{command}`, and none has the service's image.",
                        service=target.name, command=once.command[0])  # fmt: skip
        service = found.services[target.name]
        one = Once(target.name, target.cluster, service, arn, definition, container, once.command, once.token,
                   once.timeout_s, self.clients, lambda: self.stop.asked, self.stop.wait)  # fmt: skip
        return one.run()

    def _forget_registered(self, found: Verified) -> None:
        """Revisions that no service gets would be their families' newest, which Terraform goes by."""
        for name, came in self.came.items():
            self._write(name, replace(came, stage=Stage.FAILED))
            if came.revision != found.present[name].arn:
                with contextlib.suppress(ClientError):
                    deployments.deregister(self.clients("ecs"), came.revision)

    def _set(self, target: Target, found: Verified) -> Rolling:
        """Register what the service gets, unless it is there, and set the service on it, unless it is."""
        ecs, present, service = self.clients("ecs"), found.present[target.name], found.services[target.name]
        since = datetime.now(UTC)
        resource = {"addr": target.address, "resource_type": "aws_ecs_service"}
        begun = text("{service}: {image} is deployed", service=target.name, image=target.image)
        tell(begun, "apply_start", hook={"resource": resource, "action": "update"})
        _name_foreign(target, present)
        wanted = exchange(present.definition, target.image, target.variables).definition
        arn = self._registered(found, present, wanted)
        deployment = deployments.primary(service)
        if arn != service["taskDefinition"] or _has_failed(service) or target.moves:
            self._write(target.name, Came(Stage.SETTING, present.arn, arn, target.image))
            again = arn == service["taskDefinition"]
            deployment = deployments.set_revision(ecs, target.cluster, target.service, arn, again=again)
        self._write(target.name, Came(Stage.SET, present.arn, arn, target.image))
        number = arn.rpartition("/")[2]
        say(text("{service}: ECS is set on {revision}", service=target.name, revision=number))
        course = Course(self._began, self._imaged, time.monotonic())
        return Rolling(self.clients, target, wanted, arn, deployment, since, course)

    def _registered(self, found: Verified, present: Revision, wanted: dict[str, Any]) -> str:
        """The revision with this content: the present one, or the family's newest, or a new one."""
        if present.definition == wanted:
            return present.arn
        newest = found.newest.get(present.family)
        if newest is None or newest.definition != wanted:
            newest = Revision(deployments.register(self.clients("ecs"), wanted), wanted)
            found.newest[present.family] = newest
        return newest.arn

    def _write(self, name: str, came: Came) -> None:
        self.came[name] = came
        write_result(self.folder, self.came)

    def _follow(self, rolling: list[Rolling]) -> int:
        deadline = time.monotonic() + self.task.timeout_s
        going = list(rolling)
        while going and not self.stop.asked and time.monotonic() < deadline:
            self._look(going)
            for each in [each for each in going if each.over]:
                going.remove(each)
                self._ended(each)
            if going:
                self.stop.wait(LOOK_EVERY_S)
        if going:
            return self._given_up(going)
        failed = [each for each in rolling if each.now.stands is not Stands.COMPLETED]
        return ROLL_OUT_FAILED if failed else DONE

    def _look(self, going: Sequence[Rolling]) -> None:
        """One look at all of them. What goes wrong with it is tried again until the time is over."""
        for cluster in sorted({each.target.cluster for each in going}):
            mine = [each for each in going if each.target.cluster == cluster]
            try:
                found = deployments.services(self.clients("ecs"), cluster, [each.target.service for each in mine]) or {}
                for each in mine:
                    each.look(found.get(each.target.service, {}))
            except (ClientError, BotoCoreError) as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)

    def _ended(self, each: Rolling) -> None:
        target, came = each.target, self.came[each.target.name]
        hook = {"resource": {"addr": target.address, "resource_type": "aws_ecs_service"}, "action": "update"}
        if each.now.stands is Stands.COMPLETED:
            self._write(target.name, replace(came, stage=Stage.COMPLETED))
            tell(text("{service} runs {image}", service=target.name, image=target.image), "apply_complete", hook=hook)
            each.tell_times()
            return
        self._write(target.name, replace(came, stage=Stage.FAILED))
        tell(text("{service} is not rolled out", service=target.name), "apply_errored", hook=hook)
        self._forget_what_ecs_put_back(each, came)
        complain(_why_not(each))

    def _forget_what_ecs_put_back(self, each: Rolling, came: Came) -> None:
        """A revision that ECS has taken off again would be the family's newest, which Terraform goes by."""
        target = each.target
        found = deployments.services(self.clients("ecs"), target.cluster, [target.service]) or {}
        now = found.get(target.service, {})
        used = {now.get("taskDefinition"), *(one.get("taskDefinition") for one in now.get("deployments", []))}
        if now and came.revision not in used and came.revision != came.before:
            with contextlib.suppress(ClientError):
                deployments.deregister(self.clients("ecs"), came.revision)

    def _given_up(self, going: Sequence[Rolling]) -> int:
        """Stopped, or out of time: ECS goes on by itself, and that is what is said."""
        for each in going:
            number, name = each.revision.rpartition("/")[2], each.target.name
            complain(
                text(
                    "{service}: {why} ECS is set on {revision} and goes on rolling it out; {old} old tasks still run. "
                    "`butai rollback {environment} {service}` puts back what ran before.",
                    why=text("Stopped.")
                    if self.stop.asked
                    else text("Not rolled out in {seconds} s.", seconds=self.task.timeout_s),
                    service=name,
                    revision=number,
                    old=each.now.old,
                    environment=self.task.environment,
                )
            )
        return FAILED


def _name_foreign(target: Target, present: Revision) -> None:
    """Somebody put another image there past Butai: said before it is exchanged, so that nobody looks for it in vain."""
    if image := foreign_image(present.definition, target.image, target.known):
        number, who = present.arn.rpartition("/")[2], present.by or text("somebody else")
        say(
            text(
                "{service}: ECS was set on {revision} with {image} by {who}, past Butai, which knew {known}.",
                service=target.name,
                revision=number,
                image=image,
                who=who,
                known=target.known,
            )
        )


def _has_failed(service: dict[str, Any]) -> bool:
    """Whether its newest deployment has failed: ECS does nothing more about it until it is asked again."""
    return any(
        each["status"] == "PRIMARY" and each.get("rolloutState") == "FAILED" for each in service.get("deployments", [])
    )


def _why_not(each: Rolling) -> Text:
    reason = each.failure or each.now.reason or text("ECS has put something else in its place.")
    serves = text("What ran before still serves ({old} tasks).", old=each.now.old)
    if not each.now.old:
        serves = text("Nothing of what ran before is left.")
    return text("{service}: {reason} {serves}", service=each.target.name, reason=reason, serves=serves)


def _refused(problems: Sequence[Text]) -> int:
    for each in problems if len(problems) > 1 else ():
        say(each)
    complain(text("Nothing was changed. {problems}", problems=joined(" ", problems)))
    return FAILED


def warm_up() -> None:
    """Read what a deploy and its verification need to ask AWS."""
    read_descriptions(ASKED)


def get_ready(folder: Path) -> None:
    """Make the clients that nearly every deploy takes."""
    clients = own_clients()
    for each in ASKED_ALWAYS:
        clients(each)
    for image in [parse_image(each.image) for each in read_task(folder).targets]:
        if image.is_ecr:
            clients("ecr", image.region)


def main(folder: Path) -> int:
    """Do it."""
    task, stop = read_task(folder), Stop()
    listen(stop)
    count = len(task.targets) + len(task.once)
    changes = {"add": 0, "change": count, "remove": 0, "operation": "plan"}
    tell(text("{count} services get another version", count=len(task.targets)), "change_summary", changes=changes)
    try:
        return Deploying(task, folder, own_clients(), stop).do()
    except (ClientError, BotoCoreError) as error:
        complain(text("AWS refused: {reason}", reason=str(error)))
        return FAILED
    except ButaiError as error:
        complain_of(error)
        return FAILED


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
