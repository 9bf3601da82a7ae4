"""Making a run's folder ready: the tree of the commit, the backend, the variables, the engine's environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from butai.aws.session import EngineKeys
from butai.blueprints.service import AtCommit, Blueprints
from butai.datafolder import write_json, write_private
from butai.db import Database
from butai.environments import engine_checks, store
from butai.environments.acceleration import Acceleration, Prospect
from butai.environments.engines import Engines
from butai.environments.place import backend_block, block_apart, refuse_foreign, remote_of, workspace_of
from butai.environments.plan import from_params
from butai.environments.reuse import Root, first_commands
from butai.environments.secrets import read_secrets
from butai.environments.way import Way
from butai.runs.folder import Command, RunFolder, Work
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import READ_ONLY, Step
from butai.runs.remote import open_remote
from butai.runs.service import RunView
from butai.states.service import States
from butai.terraform import commands
from butai.terraform.engine import Engine
from butai.terraform.packages import LOCK_FILE
from butai.terraform.prepared import PreparedFolders
from butai.text import text

# The last override file in the order of names: it wins over any that the team has.
BACKEND_FILE = "zzzz_butai_override.tf"


@dataclass(frozen=True)
class Preparation:
    """Makes folders ready, for every kind of run alike.

    `acceleration`: the fast way of this machine; none: every run has a provider of its own. `prepared`: what earlier
    runs' `init` made; none: every run does its own.
    """

    database: Database
    blueprints: Blueprints
    engines: Engines
    environ: Mapping[str, str]
    keys: EngineKeys
    states: States | None = None
    prepared: PreparedFolders | None = None
    acceleration: Acceleration | None = None

    def prepare(
        self,
        run: RunView,
        folder: RunFolder,
        log: RunLog,
        then: Callable[[Engine, Path], list[Command]],
        *,
        apart: bool = False,
    ) -> Prepared:
        """Export the commit, add what is the run's own; nothing of the team's is changed.

        `then` gives the commands after `init`, from the engine and the file with the variables. `apart`: on a state of
        this run alone, in its folder, instead of the environment's.
        """
        with self.database.reading() as session:
            row = session.get_one(store.Environment, run.environment_id)
        wanted = from_params(run.params)
        at = self.blueprints.at_commit(row.blueprint, wanted.commit)
        engine = self.engines.keep(at, row.engine_name, row.engine_version)
        with log.fenced.session() as session:
            # A plan leaves the state as it is. Else, from here on an older engine may not read the state any more.
            if run.kind not in READ_ONLY:
                session.get_one(store.Environment, row.id).engine_version = engine.version
        access = at.access
        remote = remote_of(row.state_place, access)
        backend = block_apart(folder.path) if apart else backend_block(row.state_place)
        root = self._export(row, at, engine, folder, log, wanted.commit, backend, remote)
        values = folder.path / "values.tfvars.json"
        write_json(values, run.params["values"])
        extra = {**self.keys.variables(access), **read_secrets(at.blueprint.secrets, access, self.environ)}
        if remote and self.states and not self.states.versions(row.id):
            refuse_foreign(open_remote(remote))
        workspace = workspace_of(row.state_place)
        # A state apart has a backend that no other run has.
        begin = first_commands(None if apart else self.prepared, root, log)
        if workspace:
            # `init` with TF_WORKSPACE fails as long as that one does not exist.
            new = apart or open_remote(remote).read() is None
            begin.append(Command(Step.INIT, commands.workspace(engine, workspace, new=new)))
        work = Work(
            run_id=run.id,
            environment_id=row.id,
            root=str(root.path),
            commands=[*begin, *then(engine, values)],
            init_lock=_init_lock(self.engines.plugin_cache(at, engine)),
            remote=remote,
        )
        environment = self.engines.environment(at, engine, folder.path, extra)
        way, sockets = self._way(run, at, root, environment)
        log.goes(accelerated=way.accelerated, why=way.why)
        return Prepared(work, {**environment, **sockets})

    def _way(
        self, run: RunView, at: AtCommit, root: Root, environment: Mapping[str, str]
    ) -> tuple[Way, dict[str, str]]:
        """Which way the run goes, and what its supervisor is told for it."""
        if self.acceleration is None:
            return Way(False, text("the worker's setting turns the fast way off")), {}
        checked = partial(engine_checks.all_equal, self.database, at.name, root.engine)
        return self.acceleration.way(Prospect(run.id, run.kind, at, root, environment, checked))

    def _export(
        self,
        row: store.Environment,
        at: AtCommit,
        engine: Engine,
        folder: RunFolder,
        log: RunLog,
        commit: str,
        backend: str,
        remote: Mapping[str, Any],
    ) -> Root:
        """The commit's tree with the backend and the environment's lock file."""
        log.say(Step.EXPORT, text("Export {blueprint} at {commit}", blueprint=row.blueprint, commit=commit[:7]))
        self.blueprints.export(row.blueprint, commit, folder.tree)
        root = folder.tree / at.root_path
        write_private(root / BACKEND_FILE, backend.encode())
        if row.lock_file and not (root / LOCK_FILE).exists():
            write_private(root / LOCK_FILE, row.lock_file.encode())
        config = self.engines.cli_config(at, engine)
        # What `init` made in one workspace serves no other.
        backend += f"# {workspace_of(row.state_place)}"
        return Root(folder, root, engine, backend, config, self.engines.mirrors, lambda: self._state(row.id, remote))

    def _state(self, environment_id: int, remote: Mapping[str, Any]) -> bytes | None:
        """The state's document as it is now: in the team's bucket, or here."""
        if remote:
            return open_remote(remote).read()
        return self.states.read(environment_id) if self.states else None


def lock_file_of(folder: RunFolder) -> str:
    """The lock file that the engine wrote; empty where there is none."""
    path = Path(folder.read_work().root) / LOCK_FILE if folder.was_begun else None
    return path.read_text() if path and path.exists() else ""


def _init_lock(cache: Path | None) -> str:
    return str(cache / "init.lock") if cache else ""
