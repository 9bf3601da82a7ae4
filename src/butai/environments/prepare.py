"""Making a run's folder ready: the tree of the commit, the backend, the variables, the engine's environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from butai.aws.session import Access, engine_variables
from butai.blueprints.service import AtCommit, Blueprints
from butai.datafolder import write_json, write_private
from butai.db import Database
from butai.environments import store
from butai.environments.engines import Engines
from butai.environments.place import backend_block, block_apart, refuse_foreign, remote_of, workspace_of
from butai.environments.plan import from_params
from butai.environments.secrets import read_secrets
from butai.runs.carry import Prepared
from butai.runs.folder import Command, RunFolder, Work
from butai.runs.log import RunLog
from butai.runs.model import READ_ONLY, Step
from butai.runs.remote import open_remote
from butai.runs.service import RunView
from butai.states.service import States
from butai.terraform import commands
from butai.terraform.engine import Engine
from butai.text import text

# The last override file in the order of names: it wins over any that the team has.
BACKEND_FILE = "zzzz_butai_override.tf"
LOCK_FILE = ".terraform.lock.hcl"


@dataclass(frozen=True)
class Preparation:
    """Makes folders ready, for every kind of run alike."""

    database: Database
    blueprints: Blueprints
    engines: Engines
    environ: Mapping[str, str]
    states: States | None = None

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
        log.say(Step.EXPORT, text("Export {blueprint} at {commit}", blueprint=row.blueprint, commit=wanted.commit[:7]))
        self.blueprints.export(row.blueprint, wanted.commit, folder.tree)
        root = folder.tree / at.root_path
        block = block_apart(folder.path) if apart else backend_block(row.state_place)
        write_private(root / BACKEND_FILE, block.encode())
        if row.lock_file and not (root / LOCK_FILE).exists():
            write_private(root / LOCK_FILE, row.lock_file.encode())
        values = folder.path / "values.tfvars.json"
        write_json(values, run.params["values"])
        access = access_of(at)
        extra = {**engine_variables(access), **read_secrets(at.blueprint.secrets, access, self.environ)}
        remote = remote_of(row.state_place, access)
        if remote and self.states and not self.states.versions(row.id):
            refuse_foreign(open_remote(remote))
        workspace = workspace_of(row.state_place)
        begin = [commands.init(engine)]
        if workspace:
            # `init` with TF_WORKSPACE fails as long as that one does not exist.
            begin.append(commands.workspace(engine, workspace, new=apart or open_remote(remote).read() is None))
        work = Work(
            run_id=run.id,
            environment_id=row.id,
            root=str(root),
            commands=[*(Command(Step.INIT, each) for each in begin), *then(engine, values)],
            init_lock=_init_lock(self.engines.plugin_cache(at, engine)),
            remote=remote,
        )
        return Prepared(work, self.engines.environment(at, engine, folder.path, extra))


def access_of(at: AtCommit) -> Access:
    """Region, profile or role that the blueprint names."""
    return Access(at.blueprint.region, at.blueprint.profile or "", at.blueprint.role or "")


def lock_file_of(folder: RunFolder) -> str:
    """The lock file that the engine wrote; empty where there is none."""
    path = Path(folder.read_work().root) / LOCK_FILE if folder.was_begun else None
    return path.read_text() if path and path.exists() else ""


def _init_lock(cache: Path | None) -> str:
    return str(cache / "init.lock") if cache else ""
