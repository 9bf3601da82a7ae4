"""The run of a deploy: what its program is told, and what is written down of its end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from butai.aws import deployments
from butai.aws.clients import Clients
from butai.aws.ecs import ServiceRef, families_in
from butai.aws.session import EngineKeys, session_for
from butai.blueprints.service import AtCommit, Blueprints
from butai.deploys.model import has_moving_tag
from butai.deploys.task import IN_PLACE, Before, Came, Stage, Target, Task, read_result, read_task, write_result
from butai.deploys.where import ecs_service
from butai.environments.service import Environments, EnvironmentView
from butai.images.resolve import github_access, open_image
from butai.images.rule import is_open
from butai.runs.folder import Command, RunFolder, Work
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.migrations import keep_known, migrated
from butai.runs.model import RunEnd, Step
from butai.runs.once import token_of
from butai.runs.service import RunView, note_params
from butai.states.service import States
from butai.terraform.environment import engine_environment
from butai.terraform.state import StateSummary, objects, summary
from butai.text import text


@dataclass(frozen=True)
class DeployJob:
    """Deploys are carried out by a program of Butai's own, under a supervisor like the engine.

    `wait_ready` looks afterwards whether the environment serves, and notes it.
    """

    environments: Environments
    blueprints: Blueprints
    states: States
    keys: EngineKeys
    wait_ready: Callable[[int, AtCommit, RunLog], None]

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        """Say where ECS has the services, by the state; then the program."""
        shown = self.environments.by_id(run.environment_id)
        at = self._at(shown, run)
        told = run.params["deploy"]
        document = self.states.read(shown.id)
        state = summary(document) if document else None
        families = families_in(objects(document).values()) if document else {}
        targets = [self._target(shown, at, state, run, name) for name in told["services"]]
        targets = [replace(each, family=families.get(ServiceRef(each.cluster, each.service), "")) for each in targets]
        wait_s, once = told.get("wait_for_image_s", 0), self._before(at, run, log)
        keep_known(folder.path, self.blueprints.migrations(shown.blueprint, at, versions_of(run, told["services"])))
        Task(shown.name, targets, at.blueprint.ready.timeout_s, wait_s, once).write(folder.path)
        log.goes(accelerated=False, why=text("a deploy needs no engine and no provider"))
        program = [sys.executable, "-m", "butai.deploys.carry", str(folder.path)]
        work = Work(run.id, shown.id, str(folder.path), [Command(Step.APPLY, program)], stateless=True)
        extra = {**self.keys.variables(at.access), **github_access(os.environ)}
        return Prepared(work, engine_environment(os.environ, extra=extra, cli_config=Path(os.devnull)))

    def _before(self, at: AtCommit, run: RunView, log: RunLog) -> list[Before]:
        """What the blueprint declares for the services of this deploy. An older version's would know nothing of newer data."""
        told = run.params["deploy"]
        declared = [each for each in at.blueprint.tasks.before_deploy if each.service in told["services"]]
        if declared and "rolls_back_to" in told:
            log.say(Step.APPLY, text("It goes back: the tasks before a deploy are not run."))
            return []
        return [
            Before(each.service, each.command, each.container or "", each.timeout_s, token_of(run, f"before-{number}"))
            for number, each in enumerate(declared)
        ]

    def _target(
        self, shown: EnvironmentView, at: AtCommit, state: StateSummary | None, run: RunView, name: str
    ) -> Target:
        ref, address = ecs_service(shown, at, state, name), at.blueprint.services[name].ecs_service
        variables = run.params["deploy"]["services"][name]["variables"]
        image, moves = run.params["services"][name]["image"], has_moving_tag(at.blueprint.services[name].image)
        known = next((each.image for each in shown.services if each.name == name), "")
        told = None
        if is_open(image):
            repository = self.blueprints.location_of(shown.blueprint, name)
            told = open_image(at.blueprint.services[name], repository, run.params["services"][name]).as_json()
        return Target(name, address, ref.cluster, ref.name, image, variables, moves, known, told)

    def look(self, run: RunView, log: RunLog) -> bool:
        """The program was killed: ask ECS what each service is set on, and write that down."""
        folder = Path(run.folder)
        shown = self.environments.by_id(run.environment_id)
        clients = Clients(session_for(self._at(shown, run).access))
        came = read_result(folder)
        for target in read_task(folder).targets:
            if target.name in came and came[target.name].stage in (Stage.REGISTERED, Stage.SETTING, Stage.SET):
                came[target.name] = self._looked(clients, target, came[target.name], log)
        write_result(folder, came)
        return True

    def _looked(self, clients: Clients, target: Target, came: Came, log: RunLog) -> Came:
        found = deployments.services(clients("ecs"), target.cluster, [target.service]) or {}
        service: Mapping[str, Any] = found.get(target.service, {})
        number = came.revision.rpartition("/")[2]
        if service.get("taskDefinition") == came.revision:
            words = text(
                "{service}: ECS is set on {revision} and goes on with it.", service=target.name, revision=number
            )
            log.say(Step.APPLY, words)
            return Came(Stage.SET, came.before, came.revision, came.image)
        log.say(Step.APPLY, text("{service}: ECS is not set on {revision}.", service=target.name, revision=number))
        if service and came.revision != came.before:
            # The family's newest revision is what Terraform goes by.
            deployments.deregister(clients("ecs"), came.revision)
        return Came(Stage.FAILED, came.before, came.revision)

    def ended(self, session: Session, run: RunView, end: RunEnd, folder: RunFolder) -> None:  # noqa: ARG002
        """What is in place from now on is what the environment is wanted with: the next update keeps it."""
        came = read_result(folder.path)
        there = [name for name in run.params["deploy"]["services"] if name in came and came[name].stage in IN_PLACE]
        tried = versions_of(run, run.params["deploy"]["services"])
        placed = {name: {**tried[name], "image": came[name].image or tried[name]["image"]} for name in there}
        note_params(session, run.id, {**run.params, "services": {**run.params["services"], **placed}})
        self.environments.note_deployed(session, run.environment_id, placed, migrated(folder.path, tried))

    def after(self, run: RunView, end: RunEnd, log: RunLog) -> None:
        """After a good roll-out look whether it serves."""
        if end is RunEnd.SUCCEEDED:
            shown = self.environments.by_id(run.environment_id)
            self.wait_ready(shown.id, self._at(shown, run), log)

    def gave_up(self, run: RunView, reason: str, log: RunLog) -> None:
        """It could not be looked at: how it is stays what was known before."""

    def _at(self, shown: EnvironmentView, run: RunView) -> AtCommit:
        return self.blueprints.at_commit(shown.blueprint, run.params["commit"])


def versions_of(run: RunView, services: Iterable[str]) -> dict[str, dict[str, str]]:
    """Image, commit and branch of these services, as the run wants them."""
    return {name: run.params["services"][name] for name in services}
