"""Waiting until an environment serves: its ECS services are steady, and its main URL answers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from butai.aws.ecs import ServiceRef, look, services_in
from butai.aws.http import answer_of
from butai.aws.session import session_for
from butai.blueprints.service import AtCommit
from butai.db import Database
from butai.environments import store
from butai.environments.adopt_model import found_elsewhere
from butai.environments.model import Health
from butai.runs.log import RunLog
from butai.runs.model import Step
from butai.runs.service import Runs
from butai.states.service import States
from butai.terraform.state import summary
from butai.text import text

LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Readiness:
    """Looks at services and URL, and writes down what was found."""

    database: Database
    states: States
    runs: Runs

    def wait(self, environment_id: int, at: AtCommit, log: RunLog) -> None:
        """Bounded: services steady, then the main URL answers. What was not seen in time is said, and nothing is undone."""
        with self.database.reading() as db:
            row = db.get_one(store.Environment, environment_id)
        session = session_for(at.access)
        document = self.states.read(row.id)
        known = services_in(summary(document)) if document else []
        services = list(dict.fromkeys([*known, *found_elsewhere(row.adopted)]))
        urls = list(row.urls.values())[:1]
        deadline = time.monotonic() + at.blueprint.ready.timeout_s
        said = ""
        while True:
            reason = _not_ready(session, services, urls)
            unwanted = self.runs.stop_asked(log.run_id)
            if unwanted:
                reason = text("not waited for any longer: {why}", why=unwanted)
            if not reason or unwanted or time.monotonic() > deadline:
                break
            if reason != said:
                log.say(Step.READY, text("Waiting: {reason}", reason=reason))
                said = reason
            time.sleep(LOOK_EVERY_S)
        log.say(
            Step.READY,
            text("Not ready: {reason}", reason=reason)
            if reason
            else text("Ready: services are steady, the URL answers."),
        )
        with log.fenced.session() as db:
            fresh = db.get_one(store.Environment, row.id)
            fresh.note_health(Health.NOT_READY if reason else Health.READY, reason)


def _not_ready(session: Any, services: list[ServiceRef], urls: list[str]) -> str:
    """What is still waited for; empty when nothing is."""
    for state in look(session, services) if services else []:
        if not state.steady:
            counts = text(
                "{service}: {running} of {desired} tasks run.",
                service=state.name,
                running=state.running,
                desired=state.desired,
            )
            return text("{one} {other}", one=counts, other=state.reason) if state.reason else counts
    for url in urls:
        status = answer_of(url)
        if status is None or status >= 500:
            return (
                text("{url} answers {status}", url=url, status=status)
                if status
                else text("{url} does not answer", url=url)
            )
    return ""
