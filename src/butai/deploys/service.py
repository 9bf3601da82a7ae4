"""What can be done with deploys: put another version on a service, roll back, look at what ran. Others import this only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from urllib.parse import quote

from pydantic import BaseModel, Field

from butai.blueprints.service import Blueprints
from butai.deploys.compare import ComparedShape, compared
from butai.deploys.model import Version, rolled_back_to
from butai.deploys.report import NOTHING_DONE, ReportShape, markdown, moment_of, report
from butai.deploys.where import refuse_unknown
from butai.environments.service import Environments, EnvironmentView, ServiceChoice, ServiceShape, Started
from butai.errors import RefusedError, WrongUseError
from butai.runs.model import MAIN, RunEnd, RunKind
from butai.runs.service import RunView
from butai.states.service import States
from butai.text import text

WAIT_AT_MOST_MIN = 60


class DeployRequest(BaseModel):
    """Which services get which version."""

    services: dict[str, ServiceChoice] = Field(description="Service: a branch, tag or commit of its repository.")
    wait_for_image_minutes: int = Field(
        default=0, ge=0, le=WAIT_AT_MOST_MIN, description="How long an image that is not built yet is waited for."
    )


class RollBackRequest(BaseModel):
    """Which service goes back, and to what."""

    service: str
    to: int = Field(default=0, ge=0, description="The run whose version it had; 0: the one before the present.")


class RunsWhere(BaseModel):
    """What of a service runs in an environment. What its repository does not know is none."""

    blueprint: str
    environment: str
    service: str
    branch: str
    commit: str
    differs: bool = Field(description="It is not on the service's default branch.")
    ahead: int | None = Field(description="Commits that it has and the default branch has not.")
    behind: int | None = Field(description="Commits of the default branch that it has not.")
    committed_at: datetime | None


class DeployView(BaseModel):
    """One version that a run put on a service. `end` is none while the run goes on."""

    run: int
    kind: RunKind
    service: str
    branch: str
    commit: str
    image: str
    by: str
    at: datetime
    end: RunEnd | None
    took_s: float | None = Field(default=None, description="From the run's start to its end.")


@dataclass(frozen=True)
class Deploys:
    """Deploys of all environments."""

    environments: Environments
    blueprints: Blueprints
    states: States
    zone: tzinfo
    now: Callable[[], datetime]

    def deploy(self, name: str, request: DeployRequest, *, by: str, blueprint: str | None = None) -> Started:
        """Queue a deploy. The versions are resolved now; everything else is looked at when the run begins."""
        if not any(each.branch or each.commit for each in request.services.values()):
            raise WrongUseError(
                text("No service was named."),
                next=text("Say which gets what: `butai deploy {name} web=main`.", name=name),
                where="services",
                code="no-service",
            )
        wait = request.wait_for_image_minutes * 60
        return self.environments.deploy(name, request.services, by=by, blueprint=blueprint, wait_for_image_s=wait)

    def roll_back(self, name: str, request: RollBackRequest, *, by: str, blueprint: str | None = None) -> Started:
        """Queue a deploy of a version that the service had before."""
        shown = self.environments.get(name, blueprint=blueprint)
        refuse_unknown(shown, request.service)
        version = rolled_back_to(self._versions(shown, request.service), request.to)
        if version is None:
            raise self._nothing_to_go_back_to(shown, request)
        again = {request.service: {"branch": version.branch, "commit": version.commit, "image": version.image}}
        return self.environments.deploy(
            shown.name, {}, by=by, blueprint=shown.blueprint, again=again, rolls_back_to=version.run
        )

    def _nothing_to_go_back_to(self, shown: EnvironmentView, request: RollBackRequest) -> RefusedError:
        runs = ", ".join(str(each.run) for each in self._versions(shown, request.service))
        what = text("`{service}` had no version of run {run}.", service=request.service, run=request.to)
        if not request.to:
            what = text("`{service}` had no other good version yet.", service=request.service)
        return RefusedError(
            what,
            next=text("Versions came by these runs: {runs}.", runs=runs) if request.to and runs else "",
            where="to",
            code="nothing-to-roll-back-to",
        )

    def history(self, name: str, *, blueprint: str | None = None) -> Sequence[DeployView]:
        """Every version that runs put on an environment's services, newest first."""
        return self.history_of(self.environments.get(name, blueprint=blueprint))

    def history_of(self, shown: EnvironmentView) -> Sequence[DeployView]:
        """The same for an environment that was looked up."""
        runs = self.environments.runs_of(shown.id)
        return [each for older, run in zip([*runs[1:], None], runs, strict=True) for each in _of_run(run, older)]

    def _versions(self, shown: EnvironmentView, service: str) -> list[Version]:
        return [
            Version(each.run, each.branch, each.commit, each.image, good=each.end is RunEnd.SUCCEEDED)
            for each in self.history_of(shown)
            if each.service == service and each.end not in (None, *NOTHING_DONE)
        ]

    def where(self) -> list[RunsWhere]:
        """What runs where: every service of every environment."""
        return self.where_of(self.environments.list())

    def where_of(self, environments: Sequence[EnvironmentView]) -> list[RunsWhere]:
        """The same for environments that were looked up."""
        return [self._where(shown, each) for shown in environments for each in shown.services]

    def _where(self, shown: EnvironmentView, service: ServiceShape) -> RunsWhere:
        stands = self.blueprints.standing(shown.blueprint, service.name, service.commit)
        return RunsWhere(
            blueprint=shown.blueprint,
            environment=shown.name,
            service=service.name,
            branch=service.branch,
            commit=service.commit,
            differs=service.differs,
            ahead=stands.ahead if stands else None,
            behind=stands.behind if stands else None,
            committed_at=stands.committed_at if stands else None,
        )

    def report(self, name: str, *, at: str = "", portal: str, blueprint: str | None = None) -> ReportShape:
        """What ran at a time (`14:05`, `2026-11-26 14:05`; nothing: now), for a ticket. `portal`: its address."""
        moment = moment_of(at, self.now(), self.zone)
        shown = self.environments.of_time(name, moment, blueprint=blueprint)
        page = f"{portal.rstrip('/')}/environments/{quote(shown.blueprint)}/{quote(shown.name)}"
        found = report(shown, self.environments.runs_of(shown.id), moment, self.now(), page)
        when = f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"
        return found.model_copy(update={"markdown": markdown(found, when)})

    def compare(
        self, left: str, right: str, *, left_blueprint: str | None = None, right_blueprint: str | None = None
    ) -> ComparedShape:
        """In what two environments differ, by what Butai knows of both."""
        one = self.environments.get(left, blueprint=left_blueprint)
        other = self.environments.get(right, blueprint=right_blueprint)
        return compared(one, other, self.states.read(one.id), self.states.read(other.id))


def _of_run(run: RunView, older: RunView | None) -> list[DeployView]:
    """What a run put there: a deploy its services, another run those that it gave another version than the one before."""
    if run.kind is RunKind.DEPLOY:
        names = list(run.params["deploy"]["services"])
    elif run.kind in MAIN - {RunKind.DESTROY} and "services" in run.params:
        before = older.params.get("services", {}) if older else {}
        names = [name for name, each in run.params["services"].items() if before.get(name) != each]
    else:
        names = []
    return [
        DeployView(
            run=run.id,
            kind=run.kind,
            service=name,
            branch=run.params["services"][name]["branch"],
            commit=run.params["services"][name]["commit"],
            image=run.params["services"][name]["image"],
            by=run.requested_by,
            at=run.requested_at,
            end=run.end,
            took_s=(run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else None,
        )
        for name in names
    ]
