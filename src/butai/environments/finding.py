"""An environment by the name that somebody typed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from butai.blueprints.service import Blueprints
from butai.db import Database
from butai.environments import store
from butai.errors import NotFoundError, RefusedError, WrongUseError, did_you_mean
from butai.text import text


def find(session: Session, name: str, blueprint: str | None) -> store.Environment:
    """One living environment by name, or by `BLUEPRINT/NAME`; an error that helps where there is none, or are several."""
    if blueprint is None and "/" in name:
        blueprint, _, name = name.partition("/")
    found = store.named(session, name, blueprint)
    if not found:
        raise _unknown(session, name)
    if len(found) > 1:
        raise _ambiguous(found)
    return found[0]


def find_of_time(session: Session, name: str, blueprint: str | None, at: datetime) -> store.Environment:
    """The one that had the name at a time, also when it is gone; before there was any, the one that has it now."""
    if blueprint is None and "/" in name:
        blueprint, _, name = name.partition("/")
    found = store.once_named(session, name, blueprint, at)
    if not found:
        return find(session, name, blueprint)
    if len({row.blueprint for row in found}) > 1:
        raise _ambiguous(found)
    return found[0]


def _unknown(session: Session, name: str) -> NotFoundError:
    known = {row.name for row in store.living(session)}
    hint = did_you_mean(name, known) or text("`butai env create NAME` makes one.")
    return NotFoundError(text("There is no environment `{name}`.", name=name), next=hint, code="unknown-environment")


def _ambiguous(found: Sequence[store.Environment]) -> WrongUseError:
    names = ", ".join(sorted({f"`{row.blueprint}/{row.name}`" for row in found}))
    return WrongUseError(
        text("`{name}` exists in several blueprints.", name=found[0].name),
        next=text("Say which: {names}.", names=names),
        code="ambiguous",
    )


def refuse_taken(database: Database, blueprint: str, name: str) -> None:
    """Raise where a living environment of the blueprint has the name."""
    with database.reading() as session:
        taken = store.named(session, name, blueprint)
    if taken:
        raise RefusedError(
            text("An environment `{name}` exists already.", name=name),
            why=text(
                "It belongs to {owner}, created {day}.", owner=taken[0].owner, day=f"{taken[0].created_at:%Y-%m-%d}"
            ),
            next=text("Take another name, or look at it: `butai env show {name}`.", name=name),
            where="name",
            code="name-taken",
        )


def only_blueprint(blueprints: Blueprints) -> str:
    """The blueprint that is meant where none was named; an error where there is none, or are several."""
    known = [each.name for each in blueprints.list()]
    if len(known) == 1:
        return known[0]
    if not known:
        raise NotFoundError(
            text("There is no blueprint yet."),
            next=text("`butai blueprint add PATH-OR-GIT-URL` adds one."),
            code="no-blueprint",
        )
    raise WrongUseError(
        text("There are several blueprints."),
        next=text("Say which with `--blueprint`: {names}.", names=", ".join(known)),
        where="blueprint",
    )
