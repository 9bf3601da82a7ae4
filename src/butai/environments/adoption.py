"""Adopting environments that were made elsewhere, handing them over, and forgetting them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from butai.aws.s3_state import S3Place
from butai.blueprints.service import AtCommit, Blueprints
from butai.db import Database
from butai.environments import store
from butai.environments.adopt_model import place_of_state, refuse_ours
from butai.environments.engines import Engines
from butai.environments.finding import find, only_blueprint, refuse_taken
from butai.environments.model import check_name
from butai.environments.place import refuse_shared
from butai.environments.plan import Wanted
from butai.environments.service import Environments, EnvironmentView, Started
from butai.errors import NotFoundError, RefusedError, WrongUseError, did_you_mean
from butai.leases import service as leases
from butai.runs.model import RunKind
from butai.text import text

NOT_FOR_ADOPTED = frozenset({"all", "new"})
"""Names that stand for something else in commands and addresses; `staging` and the like are what is adopted."""


class AdoptRequest(BaseModel):
    """An environment that exists already: where its state lies, where its services run."""

    name: str = Field(description="2 to 20 lower-case letters, digits and hyphens.")
    blueprint: str = ""
    state: str = Field(default="", description="s3://BUCKET/KEY, as the root's backend block has it; it is only read.")
    workspace: str = Field(default="", description="Which of the key's workspaces it is.")
    region: str = Field(default="", description="The bucket's region; empty: that of the blueprint.")
    dynamodb_table: str = Field(default="", description="What locks the state; needed when it is handed over.")
    use_lockfile: bool = Field(default=False, description="The state is locked by a file beside it.")
    cluster: str = Field(default="", description="ECS cluster in which services are looked for that no state names.")
    services: dict[str, str] = Field(default_factory=dict, description="Service: its ECS service, or CLUSTER/SERVICE.")
    purpose: str = Field(default="", max_length=200)
    owner: str = Field(default="", max_length=100)


class TakeOverRequest(BaseModel):
    """From now on Butai runs Terraform on it: its name again, and what its variables are."""

    confirm: str
    variables: dict[str, str] = Field(default_factory=dict)
    leases: dict[str, str] = Field(default_factory=dict, description="Pool: the value that it has already.")
    ref: str = Field(default="", description="Branch, tag or commit of the blueprint; empty: the blueprint's own.")


@dataclass(frozen=True)
class Adoption:
    """Environments that were made elsewhere."""

    database: Database
    blueprints: Blueprints
    environments: Environments
    engines: Engines
    now: Callable[[], datetime]

    def adopt(self, request: AdoptRequest, *, by: str) -> Started:
        """Register it, and look at it. One that is adopted already is looked at anew with what is said now."""
        blueprint = self.blueprints.get(request.blueprint or only_blueprint(self.blueprints))
        at = self.blueprints.at_commit(blueprint.name, self.blueprints.newest(blueprint.name))
        name = check_name(request.name, reserved=NOT_FOR_ADOPTED)
        place = _checked(request, at)
        try:
            with self.database.session() as session:
                row = self._row(session, blueprint.name, name, request.owner or by)
                row.purpose = request.purpose or row.purpose
                row.ref, row.commit = blueprint.ref, at.commit
                row.adopted = {"cluster": request.cluster, "named": request.services, "found": {}}
                row.state_place, row.state_address = (asdict(place), f"s3://{place.path}") if place else (None, "")
                refuse_shared(session, row)
                session.add(row)
                session.flush()
                wanted = Wanted(row.ref, row.commit, row.services, row.variables)
                return self.environments.submit(session, row, RunKind.LOOK, at, wanted, by)
        except IntegrityError:
            # Somebody took the name or the state between the look and here.
            refuse_taken(self.database, blueprint.name, name)
            raise

    def _row(self, session: Session, blueprint: str, name: str, owner: str) -> store.Environment:
        found = store.named(session, name, blueprint)
        if found and found[0].adopted is None:
            refuse_taken(self.database, blueprint, name)
        if found:
            return found[0]
        fields = {"services": {}, "variables": {}, "engine_name": "", "engine_version": ""}
        return store.Environment(blueprint=blueprint, name=name, owner=owner, created_at=self.now(), **fields)

    def take_over(self, name: str, request: TakeOverRequest, *, by: str, blueprint: str | None = None) -> Started:
        """Its owner hands it over: from now on it is an environment like any other. A plan shows what an update would do."""
        with self.database.session() as session:
            row = find(session, name, blueprint)
            _refuse_take_over(row, request, by)
        commit = self.blueprints.resolve(row.blueprint, request.ref) if request.ref else row.commit
        at = self.blueprints.at_commit(row.blueprint, commit)
        engine = self.engines.choose(at)
        with self.database.session() as session:
            row = find(session, name, blueprint)
            session.refresh(row, with_for_update=True)
            refuse_ours(row.adopted, row.name)
            row.adopted, row.ref, row.commit = None, request.ref or row.ref, commit
            row.variables, row.lock_file = request.variables, at.lock_file
            row.engine_name, row.engine_version = engine.name, engine.version
            pools = at.blueprint.pools()
            wished = _of_pools(request.leases, pools)
            leases.take_all(session, row.blueprint, row.id, row.name, pools, now=self.now(), wished=wished)
            wanted = Wanted(row.ref, row.commit, row.services, row.variables)
            return self.environments.submit(session, row, RunKind.DRIFT_CHECK, at, wanted, by, preview=False)

    def forget(self, name: str, *, by: str, blueprint: str | None = None) -> EnvironmentView:
        """Butai knows it no more. It stays as it is, wherever it was made; adopting it again brings it back."""
        with self.database.session() as session:
            row = find(session, name, blueprint)
            session.refresh(row, with_for_update=True)
            refuse_ours(row.adopted, row.name)
            self.environments.refuse_at_work(session, row, by)
            row.destroyed_at = self.now()
            found = row.id
        return self.environments.by_id(found)


def _checked(request: AdoptRequest, at: AtCommit) -> S3Place | None:
    """Where its state lies, after a look whether enough was said."""
    unknown = next((each for each in request.services if each not in at.blueprint.services), None)
    if unknown is not None:
        raise NotFoundError(
            text("The blueprint `{blueprint}` has no service `{name}`.", blueprint=at.name, name=unknown),
            next=did_you_mean(unknown, at.blueprint.services),
            where="services",
            code="unknown-service",
        )
    if not (request.state or request.cluster or request.services):
        raise WrongUseError(
            text("It was not said where the environment is."),
            next=text(
                "Say where its state lies (`--state s3://BUCKET/KEY`), or in which cluster it runs (`--cluster NAME`)."
            ),
            where="state",
            code="nowhere",
        )
    if not request.state:
        return None
    return place_of_state(
        request.state,
        region=request.region or at.blueprint.region,
        workspace=request.workspace,
        dynamodb_table=request.dynamodb_table,
        use_lockfile=request.use_lockfile,
    )


def _refuse_take_over(row: store.Environment, request: TakeOverRequest, by: str) -> None:
    refuse_ours(row.adopted, row.name)
    if row.owner != by:
        raise RefusedError(
            text("`{name}` belongs to {owner}: nobody else hands it over.", name=row.name, owner=row.owner),
            code="not-the-owner",
        )
    if request.confirm != row.name:
        raise WrongUseError(
            text(
                "From then on updates change `{name}` and a destroy ends it: its name has to be typed.", name=row.name
            ),
            next=text("Say `--confirm {name}`.", name=row.name),
            where="confirm",
            code="confirm-name",
        )
    if not row.state_place:
        raise RefusedError(
            text("Nobody said where the state of `{name}` lies.", name=row.name),
            next=text("Adopt it again with `--state s3://BUCKET/KEY`."),
            code="no-state",
        )
    if not (row.state_place["dynamodb_table"] or row.state_place["use_lockfile"]):
        raise RefusedError(
            text("Nobody said what locks the state of `{name}`.", name=row.name),
            why=text("Butai and whoever else uses the state would not see each other's locks."),
            next=text("Adopt it again with `--dynamodb-table NAME` or `--use-lockfile`, as the root's backend has it."),
            code="no-lock",
        )


def _of_pools(said: Mapping[str, str], pools: Mapping[str, leases.Pool]) -> Mapping[str, str]:
    unknown = next((each for each in said if each not in pools), None)
    if unknown is not None:
        raise NotFoundError(
            text("The blueprint has no pool `{name}`.", name=unknown),
            next=did_you_mean(unknown, pools),
            where="leases",
            code="unknown-pool",
        )
    return said
