"""Mending what a stopped or killed run left: untaint, adopt, delete, or say that it is not there. Each but the last is a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from butai.db import Database
from butai.environments import store
from butai.environments.service import Environments, EnvironmentView, Started
from butai.environments.views import OrphanShape
from butai.errors import NotFoundError, RefusedError, WrongUseError, did_you_mean
from butai.runs.model import RunKind
from butai.text import text


class UntaintRequest(BaseModel):
    """Keep what turned out complete, instead of making it again."""

    address: str


class AdoptRequest(BaseModel):
    """Take an orphan into the state. `id` where it is not known, or where several stand under the address."""

    address: str
    id: str = ""


class DeleteOrphanRequest(AdoptRequest):
    """Delete an orphan; this cannot come back: the environment's name is said again."""

    confirm: str = Field(description="The environment's name.")


class ForgetRequest(DeleteOrphanRequest):
    """Somebody looked: it is not there."""


@dataclass(frozen=True)
class Mends:
    """What can be mended in an environment. Checked here, then queued as a run."""

    database: Database
    environments: Environments

    def untaint(self, name: str, request: UntaintRequest, *, by: str, blueprint: str | None = None) -> Started:
        """Queue the untaint of a resource that the state has as tainted."""
        shown = self.environments.get(name, blueprint=blueprint)
        addresses = [each.address for each in shown.tainted]
        if request.address not in addresses:
            raise NotFoundError(
                text("`{address}` is not tainted in `{name}`.", address=request.address, name=shown.name),
                next=did_you_mean(request.address, addresses)
                or text("`butai env show {name}` lists what is.", name=name),
                where="address",
                code="not-tainted",
            )
        return self._queue(shown, RunKind.UNTAINT, by, {"address": request.address})

    def adopt(self, name: str, request: AdoptRequest, *, by: str, blueprint: str | None = None) -> Started:
        """Queue the import of an orphan into the state."""
        shown = self.environments.get(name, blueprint=blueprint)
        return self._queue(shown, RunKind.ADOPT, by, self._one(shown, request))

    def delete(self, name: str, request: DeleteOrphanRequest, *, by: str, blueprint: str | None = None) -> Started:
        """Queue the deletion of an orphan. The environment's own state is not touched."""
        shown = self.environments.get(name, blueprint=blueprint)
        _confirmed(shown, request.confirm, text("Deleting `{address}` cannot come back.", address=request.address))
        return self._queue(shown, RunKind.DELETE_ORPHAN, by, self._one(shown, request))

    def forget(self, name: str, request: ForgetRequest, *, by: str, blueprint: str | None = None) -> EnvironmentView:
        """Take a person's word that an orphan does not exist: nobody looks for it any more, no destroy waits for it."""
        shown = self.environments.get(name, blueprint=blueprint)
        _confirmed(shown, request.confirm, text("Nobody will look for `{address}` any more.", address=request.address))
        orphan = _orphan(shown, request)
        with self.database.session() as session:
            row = session.get_one(store.Environment, shown.id)
            gone = {"address": orphan.address, "id": orphan.id, "run": orphan.run}
            row.forgotten = [*row.forgotten, {**gone, "by": by}]
            row.orphans = [each for each in row.orphans if not gone.items() <= each.items()]
        return self.environments.by_id(shown.id)

    def _one(self, shown: EnvironmentView, request: AdoptRequest) -> dict[str, Any]:
        orphan = _orphan(shown, request)
        id_ = request.id or orphan.id or orphan.found
        if not id_ or id_.startswith("-"):
            raise WrongUseError(
                text("The id of `{address}` is not known.", address=orphan.address),
                why=text("Its creation was begun and nobody saw its end: it may exist."),
                next=text("Look for it in AWS, then say `--id ID`; if it is not there: `butai env forget`."),
                where="id",
                code="orphan-id",
            )
        return {"address": orphan.address, "type": orphan.type, "id": id_, "begun_in": orphan.run}

    def _queue(self, shown: EnvironmentView, kind: RunKind, by: str, more: Mapping[str, Any]) -> Started:
        return self.environments.mend(shown.name, kind, by=by, blueprint=shown.blueprint, mends=dict(more))


def _orphan(shown: EnvironmentView, request: AdoptRequest) -> OrphanShape:
    """The orphan that is meant: by address, and by id where there are several."""
    named = [each for each in shown.orphans if each.address == request.address]
    meant = [each for each in named if request.id in (each.id, each.found)] or [each for each in named if not each.id]
    found = meant if len(named) > 1 and request.id else named
    if not found:
        raise NotFoundError(
            text("`{address}` is no orphan of `{name}`.", address=request.address, name=shown.name),
            next=did_you_mean(request.address, [each.address for each in shown.orphans])
            or text("`butai env orphans {name}` lists them.", name=shown.name),
            where="address",
            code="no-orphan",
        )
    if len(found) > 1:
        raise RefusedError(
            text("Several orphans stand under `{address}`.", address=request.address),
            next=text("Say which with `--id`: {ids}.", ids=", ".join(each.id or "?" for each in found)),
            where="id",
            code="ambiguous",
        )
    return found[0]


def _confirmed(shown: EnvironmentView, confirm: str, what: str) -> None:
    if confirm != shown.name:
        raise WrongUseError(
            what,
            next=text("Say `--confirm {name}`.", name=shown.name),
            where="confirm",
            code="confirm-name",
        )
