"""Stopping a run: what a stop would meet, and the second, harder one, which wants the environment's name typed."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, Field

from butai.environments.service import Environments
from butai.errors import RefusedError, WrongUseError
from butai.runs.flight import InFlight
from butai.runs.service import Runs, RunView
from butai.text import text


class CancelRequest(BaseModel):
    """How to stop. `hard`: the engine leaves without writing its state; only after a first stop that did not end it."""

    hard: bool = False
    confirm: str = Field(default="", description="With `hard`: the environment's name again.")


@dataclass(frozen=True)
class Stopping:
    """Stops runs."""

    environments: Environments
    runs: Runs

    def in_flight(self, run_id: int) -> InFlight:
        """What a stop would meet now."""
        return self.runs.in_flight(run_id)

    def stop(self, run_id: int, request: CancelRequest) -> RunView:
        """Stop a run: a queued one at once, a running one by one interrupt; hard, by a second one."""
        if request.hard:
            self._check_hard(self.runs.get(run_id), request.confirm)
        return self.runs.cancel(run_id, hard=request.hard)

    def _check_hard(self, run: RunView, confirm: str) -> None:
        name = self.environments.name_of(run.environment_id)
        if not (run.cancel_requested and run.end is None):
            raise RefusedError(
                text("Run {run} cannot be stopped hard now.", run=run.id),
                why=text("That is for an engine which goes on although it was asked to stop."),
                next=text("Stop it first: `butai env cancel {name}`.", name=name)
                if run.end is None
                else text("Nothing needs to be stopped."),
                code="not-stopped-yet",
            )
        if confirm != name:
            raise WrongUseError(
                text("A hard stop cannot come back: the name `{name}` has to be typed.", name=name),
                why=text(
                    "What the engine is making may stand in no state. Butai keeps the list and the next run adopts it."
                ),
                next=text("Say `--confirm {name}`.", name=name),
                where="confirm",
                code="confirm-name",
            )
