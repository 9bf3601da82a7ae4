"""Everything of Butai in this process: a run is claimed and carried out here and now, its engine is a real one."""

from __future__ import annotations

from pathlib import Path

from butai.assembly import Butai, assemble
from butai.environments.service import EnvironmentView
from butai.runs.folder import RunFolder
from butai.runs.service import RunView
from butai.settings import Settings
from support.rows import claim_run
from support.tiny_team import TinyTeam


def butai_with(folder: Path, team: TinyTeam) -> Butai:
    """A Butai on a folder with this team's blueprint."""
    butai = assemble(Settings(data=folder / "data", acceleration=False))
    butai.blueprints.add(str(team.infra.path))
    return butai


def carry(butai: Butai, run: RunView) -> EnvironmentView:
    """Carry a run out to its end; the environment afterwards."""
    butai.carrier().carry(claim_run(butai.database, run.id))
    return butai.environments.by_id(run.environment_id)


def folder_of(butai: Butai, run: RunView) -> RunFolder:
    """The files of a run."""
    return RunFolder(butai.data.run(run.id))
