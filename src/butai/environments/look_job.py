"""A look at an environment that was made elsewhere: its state is read, its services are asked for. Nothing is written there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy.orm import Session

from butai.aws import deployments
from butai.aws.ecs import ServiceRef, service_in
from butai.aws.session import session_for
from butai.blueprints.service import AtCommit, Blueprints, version_in
from butai.datafolder import write_private
from butai.db import Database
from butai.environments import store
from butai.environments.adopt_model import Running, image_of, matching, why_no_service
from butai.environments.model import Health
from butai.environments.place import remote_of
from butai.environments.readiness import Readiness
from butai.environments.views import output_rows, urls_of
from butai.errors import ButaiError, NotFoundError
from butai.runs.claims import check
from butai.runs.folder import RunFolder, Work
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import RunEnd, Step
from butai.runs.remote import keep_copy, open_remote
from butai.runs.service import Runs, RunView
from butai.states.service import States
from butai.terraform.state import StateSummary, summary
from butai.text import Text, text

FOUND = "found.json"


@dataclass(frozen=True)
class LookJob:
    """Looks, and writes down what was seen."""

    database: Database
    blueprints: Blueprints
    states: States
    readiness: Readiness
    runs: Runs
    now: Callable[[], datetime]

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        """Everything is done here: no engine is needed. A ButaiError says what cannot be seen, and nothing changes."""
        with self.database.reading() as session:
            row = session.get_one(store.Environment, run.environment_id)
        at = self.blueprints.at_commit(row.blueprint, run.params["commit"])
        log.goes(accelerated=False, why=text("a look needs no engine and no provider"))
        state = self._state(row, at, run, log)
        try:
            found = _Services(self.blueprints, at, row.adopted or {}, state, log).found()
        except (ClientError, BotoCoreError) as error:
            raise ButaiError(text("AWS cannot be asked: {reason}", reason=str(error)), code="aws") from error
        write_private(folder.path / FOUND, json.dumps(found).encode())
        # What a look found is what ran there then, as what another run was asked for is.
        versions = {name: each["version"] for name, each in found.items()}
        self.runs.with_params(log.fenced, run, {**run.params, "services": versions})
        return Prepared(Work(run.id, row.id, str(folder.path), []), {})

    def _state(self, row: store.Environment, at: AtCommit, run: RunView, log: RunLog) -> StateSummary | None:
        """The state as it lies in the bucket, with a version of it kept here. No lock is taken: it is only read."""
        if not row.state_place:
            return None
        remote = open_remote(remote_of(row.state_place, at.access))
        content = keep_copy(self.states, remote, row.id, run.id, lambda session: check(session, log.fenced.claim))
        if content is None:
            raise NotFoundError(
                text("There is no state at s3://{path}.", path=remote.place.path),
                next=text("Look into the root's `backend` block, and adopt it again with the right address."),
                code="no-state",
            )
        state = summary(content)
        log.say(Step.PLAN, text("The state has {count} resources.", count=len(state.resources)))
        return state

    def look(self, run: RunView, log: RunLog) -> bool:  # noqa: ARG002
        """Nothing was made anywhere."""
        return True

    def ended(self, session: Session, run: RunView, end: RunEnd, folder: RunFolder) -> None:
        """What was seen is what the environment is."""
        if end is not RunEnd.SUCCEEDED:
            return
        row = session.get_one(store.Environment, run.environment_id)
        found = json.loads((folder.path / FOUND).read_bytes())
        row.commit, row.services = run.params["commit"], {name: each["version"] for name, each in found.items()}
        row.adopted = {**(row.adopted or {}), "found": {name: each["ecs"] for name, each in found.items()}}
        row.note_health(Health.WAITING)
        document = self.states.read_in(session, row.id) if row.state_place else None
        if document:
            state = summary(document)
            row.outputs, row.urls = output_rows(state), urls_of(run.params["urls"], state)

    def after(self, run: RunView, end: RunEnd, log: RunLog) -> None:
        """Whether it serves."""
        if end is RunEnd.SUCCEEDED:
            with self.database.reading() as session:
                blueprint = session.get_one(store.Environment, run.environment_id).blueprint
            self.readiness.wait(run.environment_id, self.blueprints.at_commit(blueprint, run.params["commit"]), log)

    def gave_up(self, run: RunView, reason: str, log: RunLog) -> None:
        """It could not be looked at whether it serves."""
        with log.fenced.session() as session:
            session.get_one(store.Environment, run.environment_id).note_health(Health.NOT_READY, reason)


class _Services:
    """The services of a blueprint as they run in one environment: by its state, by what a person said, by their images."""

    def __init__(
        self, blueprints: Blueprints, at: AtCommit, adopted: dict[str, Any], state: StateSummary | None, log: RunLog
    ) -> None:
        self._blueprints, self._at, self._state, self._log = blueprints, at, state, log
        self._cluster, self._named = adopted.get("cluster", ""), adopted.get("named", {})
        self._ecs: Any = session_for(at.access).client("ecs")
        self._running: list[Running] | None = None

    def found(self) -> dict[str, dict[str, Any]]:
        """{service: {ecs: {cluster, service}, version}}. What cannot be told is said; an error where there is none at all."""
        found: dict[str, dict[str, Any]] = {}
        problems: list[Text] = []
        for name in self._at.blueprint.services:
            seen = self._one(name)
            if isinstance(seen, dict):
                found[name] = seen
            else:
                problems.append(seen)
        if not found:
            raise NotFoundError(
                text("None of the blueprint's services was found."),
                why=" ".join(problems),
                next=text(
                    "Say where they run: `--cluster NAME`, and `--service SERVICE=ECS-SERVICE` where names differ."
                ),
                code="no-services",
            )
        for each in problems:
            self._log.say(Step.PLAN, each)
        return found

    def _one(self, name: str) -> dict[str, Any] | Text:
        ref = self._where(name)
        if not isinstance(ref, ServiceRef):
            return ref
        described = deployments.services(self._ecs, ref.cluster, [ref.name])
        if not described:
            return text("{service}: there is no ECS service `{name}` in `{cluster}`.", service=name, name=ref.name,
                        cluster=ref.cluster)  # fmt: skip
        service = self._at.blueprint.services[name]
        image = image_of(service.image, _images(self._ecs, described[ref.name]))
        version = self._version(name, image)
        self._log.say(Step.PLAN, text("{service}: {image} runs as `{name}` in `{cluster}`.", service=name, image=image or "?",
                      name=ref.name, cluster=ref.cluster))  # fmt: skip
        return {"ecs": {"cluster": ref.cluster, "service": ref.name}, "version": version}

    def _where(self, name: str) -> ServiceRef | Text:
        if name in self._named:
            cluster, _, named = str(self._named[name]).rpartition("/")
            return ServiceRef(cluster or self._cluster or "default", named)
        service = self._at.blueprint.services[name]
        if self._state and (ref := service_in(self._state, service.ecs_service)):
            return ref
        if not self._cluster:
            return text("{service}: the state has nothing at `{address}`.", service=name, address=service.ecs_service)
        candidates = matching(service.image, self._all())
        if len(candidates) == 1:
            return ServiceRef(self._cluster, candidates[0])
        return why_no_service(name, self._cluster, candidates, self._all())

    def _all(self) -> list[Running]:
        """Every service of the cluster, asked for once."""
        if self._running is None:
            described = deployments.all_services(self._ecs, self._cluster)
            if described is None:
                raise NotFoundError(text("There is no cluster `{cluster}`.", cluster=self._cluster), code="no-cluster")
            self._running = [Running(each["serviceName"], _images(self._ecs, each)) for each in described]
        return self._running

    def _version(self, name: str, image: str) -> dict[str, str]:
        """Branch and commit as far as the image's name and the service's repository tell."""
        service = self._at.blueprint.services[name]
        told = version_in(service, image)
        commit, branch = told.get("commit") or told.get("short_commit") or "", told.get("branch", "")
        try:
            commit, branch = self._blueprints.version_of(self._at.name, name, commit=commit, tag=branch)
        except ButaiError as error:
            self._log.say(Step.PLAN, error.what)
        branch = branch or commit[:7] or image.rpartition(":")[2]
        return {"branch": branch, "commit": commit, "image": image, "default_branch": service.branch}


def _images(ecs: Any, service: dict[str, Any]) -> tuple[str, ...]:
    definition = deployments.revision(ecs, service["taskDefinition"]).definition
    return tuple(each.get("image", "") for each in definition["containerDefinitions"])
