"""Making a folder ready for a look at a root that is no environment. Its state is copied: nothing can be written to it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from butai.aws.session import Access, EngineKeys
from butai.datafolder import write_private
from butai.environments.engines import Engines
from butai.environments.place import block_apart, state_apart
from butai.environments.prepare import BACKEND_FILE
from butai.environments.root_checks import RootCheck
from butai.environments.secrets import read_secrets
from butai.errors import ButaiError, NotFoundError
from butai.git.export import export
from butai.git.repository import Repositories
from butai.runs.folder import Command, RunFolder, Work
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import Step
from butai.runs.service import RunView
from butai.terraform import commands
from butai.terraform.engine import Engine
from butai.terraform.hcl import Root, read_root
from butai.terraform.packages import LOCK_FILE
from butai.text import text

ReadState = Callable[[str, Sequence[Access]], bytes]
"""The document of a state, by where it lies and as whom it may be read."""


@dataclass(frozen=True)
class _Module:
    """A root as engines are asked about it."""

    root: Root


@dataclass(frozen=True)
class RootPreparation:
    """Makes folders ready. An engine there has a copy of the state for its backend, whatever the root's code says."""

    repositories: Repositories
    engines: Engines
    environ: Mapping[str, str]
    keys: EngineKeys
    read: ReadState

    def prepare(
        self,
        run: RunView,
        wanted: RootCheck,
        folder: RunFolder,
        log: RunLog,
        then: Callable[[Engine, Sequence[Path]], list[Command]],
    ) -> Prepared:
        """Export the commit, copy the state. `then` gives the commands after `init`, from the engine and the variables' files."""
        log.goes(accelerated=False, why=text("a root that is no environment has providers of its own"))
        path = self._export(wanted, folder, log)
        access = self._copy(wanted, folder, log)
        lock = path / LOCK_FILE
        module = _Module(read_root(path))
        engine = self.engines.for_root(module, lock.read_text(errors="replace") if lock.is_file() else "")
        write_private(path / BACKEND_FILE, block_apart(folder.path).encode())
        extra = {
            **read_secrets(wanted.secrets, access or Access(""), self.environ),
            **(self.keys.variables(access) if access else {}),
            **({"TF_WORKSPACE": wanted.workspace} if wanted.workspace else {}),
        }
        files = [path / each for each in wanted.var_files]
        cache = self.engines.plugin_cache(module, engine)
        work = Work(
            run_id=run.id,
            environment_id=run.environment_id,
            root=str(path),
            commands=[Command(Step.INIT, commands.init(engine)), *then(engine, files)],
            init_lock=str(cache / "init.lock") if cache else "",
        )
        return Prepared(work, self.engines.environment(module, engine, folder.path, extra))

    def _export(self, wanted: RootCheck, folder: RunFolder, log: RunLog) -> Path:
        """The commit's tree; the root's folder in it."""
        repository = self.repositories.at(wanted.repository)
        # Another machine's mirror may be older, or not there at all.
        if not repository.has(wanted.commit):
            repository.fetch()
        log.say(Step.EXPORT, text("Export {root} at {commit}", root=wanted.folder, commit=wanted.commit[:7]))
        export(repository, wanted.commit, folder.tree)
        path = folder.tree / posixpath.normpath(wanted.folder)
        if not path.is_dir():
            raise NotFoundError(text("There is no root `{folder}`.", folder=wanted.folder), code="no-such-root")
        return path

    def _copy(self, wanted: RootCheck, folder: RunFolder, log: RunLog) -> Access | None:
        """Copy the state into the run's folder; as whom it could be read."""
        refused: ButaiError | None = None
        for access in wanted.accesses or (None,):
            try:
                document = self.read(wanted.place, [access] if access else [])
            except ButaiError as error:
                refused = error
                continue
            target = state_apart(folder.path, wanted.workspace)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(target, document)
            log.say(
                Step.EXPORT,
                text("The state at {place} was read and copied; nothing is written there.", place=wanted.place),
            )
            return access
        assert refused is not None, "it was tried once at least"
        raise refused
