"""Holding an environment, and releasing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from pydantic import BaseModel, Field

from butai.db import Database
from butai.environments.finding import find
from butai.environments.hold import held_now, refuse_held, until_of
from butai.environments.service import Environments, EnvironmentView
from butai.errors import RefusedError, WrongUseError
from butai.text import text


class HoldRequest(BaseModel):
    """Why an environment is held, and until when."""

    reason: str = Field(max_length=200)
    until: str = Field(description="2h, 90m, or 17:30 (today, in the team's zone); ten hours at most.")
    holder: str = Field(default="", max_length=100, description="To whom it is handed; you, if not given.")


@dataclass(frozen=True)
class Holding:
    """Holds of all environments. `zone` is the team's."""

    database: Database
    environments: Environments
    zone: tzinfo
    now: Callable[[], datetime]

    def hold(self, name: str, request: HoldRequest, *, by: str, blueprint: str | None = None) -> EnvironmentView:
        """Hold it, prolong one's own hold, or hand it over. Refused while somebody else has it."""
        now = self.now()
        until = until_of(request.until, now, self.zone)
        reason = request.reason.strip()
        if not reason:
            raise WrongUseError(text("Say why you hold it: others wait for it."), where="reason", code="no-reason")
        with self.database.session() as session:
            row = find(session, name, blueprint)
            session.refresh(row, with_for_update=True)
            refuse_held(row.hold, row.name, by, now)
            who = request.holder.strip() or by
            row.hold = {"by": who, "reason": reason, "since": now.isoformat(), "until": until.isoformat()}
            found = row.id
        return self.environments.by_id(found)

    def release(self, name: str, *, by: str, blueprint: str | None = None) -> EnvironmentView:
        """Give it back before the end."""
        with self.database.session() as session:
            row = find(session, name, blueprint)
            session.refresh(row, with_for_update=True)
            if held_now(row.hold, self.now()) is None:
                raise RefusedError(text("Nobody holds `{environment}`.", environment=row.name), code="not-held")
            refuse_held(row.hold, row.name, by, self.now())
            row.hold = None
            found = row.id
        return self.environments.by_id(found)
