"""Rules of environments: names, the one headline state, and what a verified destroy is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from butai.errors import WrongUseError
from butai.runs.model import HALF_DONE, MAIN, NextAction, RunEnd, RunKind, RunStatus, next_action
from butai.text import text

NAME_MIN, NAME_MAX = 2, 20
RESERVED = frozenset(
    {"all", "admin", "api", "app", "base", "butai", "default", "localhost", "main", "new", "prod", "production"}
    | {"root", "shared", "staging", "static", "test", "www"}
)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9]))*")


class BadNameError(WrongUseError):
    """A name that no environment may have."""

    code = "bad-name"


def check_name(name: str, *, longest: int = NAME_MAX, reserved: frozenset[str] = RESERVED) -> str:
    """The name, if an environment may have it. The error says the rule, its reason and the nearest valid name."""
    if name in reserved:
        raise BadNameError(
            text("`{name}` is reserved.", name=name),
            why=text("It would be taken for something else in host names or commands."),
            next=text("Try `{nearest}`.", nearest=_shorten("qa-" + name, longest)),
            where="name",
        )
    if _NAME.fullmatch(name) and NAME_MIN <= len(name) <= longest and not name.isdigit():
        return name
    reason = text("Names become parts of host names and of AWS names, whose lengths are limited.")
    nearest = suggest_name(name, longest=longest)
    raise BadNameError(
        text(
            "A name has {shortest} to {longest} lower-case letters, digits and single hyphens "
            "inside, and is no bare number.",
            shortest=NAME_MIN,
            longest=longest,
        ),
        why=reason,
        next=text("Try `{nearest}`.", nearest=nearest or "qa-1"),
        where="name",
    )


def suggest_name(wish: str, *, longest: int = NAME_MAX) -> str:
    """The nearest valid name to what somebody typed; empty when nothing is left of it."""
    cleaned = re.sub(r"[^a-z0-9]+", "-", wish.lower()).strip("-")
    if cleaned.isdigit() or (cleaned and (len(cleaned) < NAME_MIN or cleaned in RESERVED)):
        cleaned = f"qa-{cleaned}"
    return _shorten(cleaned, longest)


def _shorten(name: str, longest: int) -> str:
    return name[:longest].strip("-")


class Health(StrEnum):
    """What is known of the services and the URL after the last apply."""

    UNKNOWN = "unknown"
    WAITING = "waiting"
    READY = "ready"
    NOT_READY = "not-ready"


class Kind(StrEnum):
    """The five kinds of state; each has its own colour and shape."""

    UP = "up"
    BUSY = "busy"
    WARN = "warn"
    DOWN = "down"
    OFF = "off"


@dataclass(frozen=True)
class StateView:
    """The state of an environment as page, command line and API say it: kind, word, and one next action."""

    kind: Kind
    word: str
    next_action: NextAction = NextAction.NONE


@dataclass(frozen=True)
class LastRun:
    """What the headline needs to know of the newest run."""

    kind: RunKind
    status: RunStatus
    end: RunEnd | None = None
    lost: bool = False


_BUSY = {
    RunKind.CREATE: "Creating",
    RunKind.UPDATE: "Updating",
    RunKind.DESTROY: "Destroying",
    RunKind.UNTAINT: "Untainting",
    RunKind.ADOPT: "Adopting",
    RunKind.DELETE_ORPHAN: "Deleting a leftover",
    RunKind.ROLL_BACK: "Rolling back",
    RunKind.IMPORT_STATE: "Importing a state",
    RunKind.DEPLOY: "Deploying",
    RunKind.LOOK: "Looking",
}
_HALF_DONE = {
    RunEnd.PARTIALLY_APPLIED: "Partly applied",
    RunEnd.STATE_NOT_SAVED: "State not saved",
    RunEnd.INTERRUPTED: "Interrupted",
    RunEnd.DESTROY_FAILED: "Partly destroyed",
    RunEnd.LOST: "Lost",
    RunEnd.NOT_FOLLOWED_UP: "Not followed up",
}
_OUT_OF_SIGHT = "Out of sight"
_HEALTH = {
    Health.UNKNOWN: StateView(Kind.WARN, "Not looked at yet"),
    Health.WAITING: StateView(Kind.BUSY, "Starting"),
    Health.READY: StateView(Kind.UP, "Up"),
    Health.NOT_READY: StateView(Kind.WARN, "Not answering", NextAction.RUN_AGAIN),
}


WORDS = frozenset(
    {*_BUSY.values(), *_HALF_DONE.values(), *(each.word for each in _HEALTH.values())}
    | {"Destroyed", "Queued", "Look for leftovers", "Checking that it is gone", "Not destroyed", "Not created"}
    | {"Update failed", "Not seen", "Forgotten", _OUT_OF_SIGHT}
)
"""Every word that a headline state can have, for the catalogs."""


def state_of(
    run: LastRun, health: Health, *, gone: bool = False, left_over: bool = False, adopted: bool = False
) -> StateView:
    """The one headline state. `gone`: its destroy was verified. `left_over`: a destroy ended well but was not verified.

    `adopted`: it was made elsewhere, and is gone when Butai was told to forget it.
    """
    if gone:
        return StateView(Kind.OFF, "Forgotten" if adopted else "Destroyed")
    if run.status is RunStatus.QUEUED:
        return StateView(Kind.BUSY, "Queued")
    if run.end is None or run.kind not in MAIN:
        return StateView(Kind.DOWN, _OUT_OF_SIGHT) if run.lost else StateView(Kind.BUSY, _BUSY[run.kind])
    if run.end in HALF_DONE:
        return StateView(Kind.DOWN, _HALF_DONE[run.end], next_action(run.end))
    if run.kind is RunKind.DESTROY:
        return _after_destroy(run.end, left_over)
    if run.end is RunEnd.SUCCEEDED:
        return _HEALTH[health]
    return _unchanged(run, health)


def _after_destroy(end: RunEnd, left_over: bool) -> StateView:
    if end is RunEnd.SUCCEEDED:
        word = "Look for leftovers" if left_over else "Checking that it is gone"
        return StateView(
            Kind.WARN if left_over else Kind.BUSY, word, NextAction.DESTROY_AGAIN if left_over else NextAction.NONE
        )
    return StateView(Kind.WARN, "Not destroyed", NextAction.DESTROY_AGAIN)


def _unchanged(run: LastRun, health: Health) -> StateView:
    """A run ended before any change: a first creation left nothing, an update left the environment as it was."""
    failed = run.end is RunEnd.FAILED_BEFORE_CHANGE
    if run.kind is RunKind.LOOK:
        return StateView(Kind.WARN, "Not seen", NextAction.RUN_AGAIN)
    if run.kind is RunKind.CREATE:
        return StateView(Kind.DOWN if failed else Kind.OFF, "Not created", NextAction.RUN_AGAIN)
    return StateView(Kind.WARN, "Update failed", NextAction.RUN_AGAIN) if failed else _HEALTH[health]
