"""The parts put together: one place where every service meets what it needs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from butai.aws.session import EngineKeys
from butai.blueprints.service import Blueprints
from butai.board.service import Board
from butai.datafolder import DataFolder
from butai.db import Database
from butai.db.migrate import migrate
from butai.deploys.job import DeployJob
from butai.deploys.logs import ServiceLogs
from butai.deploys.reach import Reach
from butai.deploys.service import Deploys
from butai.deploys.shell import Shells
from butai.environments.acceleration import Acceleration
from butai.environments.adoption import Adoption
from butai.environments.check_job import CheckJob
from butai.environments.drift_job import DriftJob
from butai.environments.drift_schedule import DriftSchedule
from butai.environments.engines import Engines
from butai.environments.holding import Holding
from butai.environments.jobs import EnvironmentJob
from butai.environments.look_job import LookJob
from butai.environments.mend_jobs import MendJob
from butai.environments.orphans import Orphans
from butai.environments.prepare import Preparation
from butai.environments.readiness import Readiness
from butai.environments.rollouts import Rollouts
from butai.environments.root_preparation import RootPreparation
from butai.environments.service import Environments
from butai.environments.state import EnvironmentStates
from butai.environments.state_job import StateJob
from butai.git.repository import Repositories
from butai.inventory import places
from butai.inventory.code_costs import CodeCosts
from butai.inventory.coverage_service import Coverages
from butai.inventory.known_states import KnownStates
from butai.inventory.past import Past
from butai.inventory.past_service import Pasts
from butai.inventory.prices_service import Prices
from butai.inventory.root_drift import RootDrift
from butai.inventory.service import Colour, Inventory
from butai.inventory.standing import Standings
from butai.inventory.told import Told
from butai.inventory.told_states import ToldStates
from butai.runs.carry import Carrier
from butai.runs.job import Job
from butai.runs.model import MAIN, RunKind
from butai.runs.service import Runs
from butai.runs.spawn import Spawn
from butai.settings import Settings
from butai.states.service import States
from butai.tables import load_tables
from butai.terraform.packages import PackageHashes
from butai.terraform.prepared import PreparedFolders


def now() -> datetime:
    """The one clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Butai:
    """Everything a server or a worker works with."""

    settings: Settings
    data: DataFolder
    database: Database
    blueprints: Blueprints
    engines: Engines
    runs: Runs
    states: States
    environments: Environments
    board: Board
    inventory: Inventory
    pasts: Pasts
    standings: Standings
    told_states: ToldStates
    told: Told
    coverages: Coverages
    prices: Prices
    code_costs: CodeCosts

    @property
    def environment_states(self) -> EnvironmentStates:
        """What can be done with an environment's state."""
        return EnvironmentStates(self.environments, self.runs, self.states)

    @property
    def holding(self) -> Holding:
        """What can be done with holds."""
        return Holding(self.database, self.environments, self.settings.zone, now)

    @property
    def adoption(self) -> Adoption:
        """What can be done with environments that were made elsewhere."""
        return Adoption(self.database, self.blueprints, self.environments, self.engines, now)

    @property
    def root_drift(self) -> RootDrift:
        """Looking for drift of roots that are no environments."""
        return RootDrift(
            self.database,
            self.inventory,
            self.blueprints,
            self.environments,
            self.runs,
            self.told,
            self.told_states,
            self.settings.drift_every,
        )

    @property
    def deploys(self) -> Deploys:
        """What can be done with deploys."""
        return Deploys(self.environments, self.blueprints, self.states, self.settings.zone, now)

    @property
    def service_logs(self) -> ServiceLogs:
        """What services print."""
        return ServiceLogs(self._reach, now)

    @property
    def shells(self) -> Shells:
        """Programs in running containers."""
        return Shells(self._reach)

    @property
    def _reach(self) -> Reach:
        return Reach(self.environments, self.blueprints, self.states)

    def carrier(self, start: Spawn | None = None) -> Carrier:
        """What a worker carries runs out with. `start`: how supervisors are started, if not anew."""
        acceleration = self.acceleration()
        preparation = Preparation(
            self.database,
            self.blueprints,
            self.engines,
            os.environ,
            EngineKeys(now),
            self.states,
            self.prepared_folders(),
            acceleration,
        )
        main = EnvironmentJob(self.database, self.blueprints, preparation, self.states, self.runs, now)
        jobs: dict[str, Job] = dict.fromkeys(MAIN, main)
        mends = MendJob(self.blueprints, preparation, Orphans(self.database, self.runs, self.states))
        jobs |= dict.fromkeys((RunKind.UNTAINT, RunKind.ADOPT, RunKind.DELETE_ORPHAN), mends)
        jobs[RunKind.ROLL_BACK] = jobs[RunKind.IMPORT_STATE] = StateJob(
            self.states, now, lambda key: self.environments.remote(self.environments.by_id(key))
        )
        roots = RootPreparation(
            Repositories(self.data.git), self.engines, os.environ, preparation.keys, self.told_states.document
        )
        jobs[RunKind.DRIFT_CHECK] = DriftJob(preparation, roots, self.runs, now)
        jobs[RunKind.ENGINE_CHECK] = CheckJob(preparation, acceleration, self.blueprints, self.runs, now)
        ready = Readiness(self.database, self.states, self.runs)
        jobs[RunKind.LOOK] = LookJob(self.database, self.blueprints, self.states, ready, self.runs, now)
        jobs[RunKind.DEPLOY] = DeployJob(self.environments, self.blueprints, self.states, preparation.keys, ready.wait)
        return Carrier(self.database, self.data, self.states, jobs, now, start)

    def prepared_folders(self) -> PreparedFolders | None:
        """What earlier runs' `init` made on this machine; none where the settings say that every run does its own."""
        if not self.settings.keep_prepared_days:
            return None
        return PreparedFolders(self.data.prepared, PackageHashes(self.settings.cache / "packages.json"))

    def acceleration(self) -> Acceleration:
        """The providers that runs of this machine share."""
        hashes = PackageHashes(self.settings.cache / "packages.json")
        return Acceleration(self.data, hashes, lambda: self.engines.mirrors, allowed=self.settings.acceleration)

    @property
    def rollouts(self) -> Rollouts:
        """All environments of a blueprint brought to a ref."""
        return Rollouts(self.database, self.environments, self.runs, now)

    def drift_schedule(self) -> DriftSchedule:
        """What a worker queues drift checks with that nobody asked for."""
        every = self.settings.drift_every
        return DriftSchedule(self.database, self.environments, self.blueprints, self.runs, every, now)


def assemble(settings: Settings, environ: Mapping[str, str] | None = None) -> Butai:
    """Open the data folder and the database (made or brought up to date), and put the services on them."""
    environ = os.environ if environ is None else environ
    data = DataFolder(settings.data)
    load_tables()
    database = Database(settings.database_url)
    migrate(database)
    states = States(database, data.state_key, now)
    blueprints = Blueprints(database, data, now)
    engines = Engines(settings, environ)
    runs = Runs(database, now)
    environments = Environments(database, data, blueprints, engines, runs, states, now)
    board = Board(database, runs, environments, now)
    past = Past(data.history, now)
    told_states = ToldStates(database, places.login(environ, settings.http_state_hosts), now)
    known = KnownStates(database, blueprints, environments, states, told_states)
    prices = Prices(database, blueprints, environ, now)
    code_costs = CodeCosts(blueprints, prices)
    figures = {Colour.COVERAGE: known.figures, Colour.COST: code_costs.figures}
    inventory = Inventory(database, blueprints, data, now, history=past.changes, figures=figures)
    pasts = Pasts(inventory, past)
    standings = Standings(inventory, environments, blueprints, known, told_states)
    told = Told(database, inventory, blueprints, told_states, environ, now)
    coverages = Coverages(database, inventory, known, told, prices, now)
    return Butai(
        settings,
        data,
        database,
        blueprints,
        engines,
        runs,
        states,
        environments,
        board,
        inventory,
        pasts,
        standings,
        told_states,
        told,
        coverages,
        prices,
        code_costs,
    )
