"""The engine's `-json` lines as events.

Source: the machine-readable UI of Terraform (ui 1.0 to 1.2) and OpenTofu. Unknown types and members are expected there
and ignored. Values of outputs and of expressions in diagnostics are never kept: they may be secret.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from butai.terraform.text import plain

__all__ = ["CHANGES", "EngineEvent", "is_unanswered", "parse", "plain"]

CHANGES = frozenset({"create", "update", "delete"})
"""Actions that change the world. `read` is a data source, `replace` is planned and then done as delete and create."""

_NO_ANSWER = frozenset({"Plugin did not respond", "Plugin error", "Request cancelled"})
_CUT_OFF = re.compile(r"context canceled|request canceled|context deadline exceeded|StatusCode: 0\b")


def is_unanswered(summary: str, detail: str = "") -> bool:
    """Whether a diagnostic says that a call ended without an answer: what it did is then unknown.

    The engine alone writes the first three summaries, where a provider went away under a call; there is no code for them.
    A provider that was told to stop, or whose connection was cut, says so in its own words: AWS may have done what it was
    asked for all the same.
    """
    return summary in _NO_ANSWER or _CUT_OFF.search(f"{summary} {detail}") is not None


_KINDS = {
    "version": "version",
    "planned_change": "planned",
    "change_summary": "change_summary",
    "apply_start": "started",
    "apply_progress": "progress",
    "apply_complete": "done",
    "apply_errored": "failed",
    "diagnostic": "diagnostic",
    "outputs": "outputs",
    "resource_drift": "drift",
    "refresh_start": "refresh",
    "refresh_complete": "refresh",
    "provision_start": "provision",
    "provision_progress": "provision",
    "provision_complete": "provision",
    "provision_errored": "provision",
    # Lines of Butai's own program that adopts.
    "butai_note": "note",
    "butai_adopted": "adopted",
    "butai_found": "found",
    "butai_gone": "gone",
    "butai_attributes": "attributes",
}


@dataclass(frozen=True)
class EngineEvent:
    """One line of the engine's output. All text is `plain`; a member that the line does not have is empty or none.

    `kind`: version, planned, change_summary, started, progress, done, failed, diagnostic, outputs, drift, refresh,
    provision, note, adopted, found, gone, attributes, or log (everything else, also lines that are not JSON). `action`: create,
    update, delete, read, replace and so on; of a change_summary its operation (plan, apply, destroy); of outputs that a
    plan would change, update. `elapsed_s`: whole seconds since it started. `id_key` and `id_value` name the object for an
    import. `add`, `change`, `remove`: of a change_summary. `begun_in`: the run that began to make it; `words`: what its
    message is translated from; `attributes`: those that differ, as `Attribute` has them, and how many `more`; all four only
    in lines of Butai's own.
    """

    seq: int
    kind: str
    message: str
    at: datetime | None = None
    address: str = ""
    resource_type: str = ""
    action: str = ""
    elapsed_s: int | None = None
    id_key: str = ""
    id_value: str = ""
    severity: str = ""
    summary: str = ""
    detail: str = ""
    file: str = ""
    line: int | None = None
    add: int | None = None
    change: int | None = None
    remove: int | None = None
    begun_in: int | None = None
    words: dict[str, Any] | None = None
    attributes: list[dict[str, Any]] | None = None
    more: int | None = None

    @property
    def is_change(self) -> bool:
        """Whether it tells of a change to the world (started, progress, done, failed), not of a data source read."""
        return self.action in CHANGES and self.kind in {"started", "progress", "done", "failed"}


def parse(seq: int, line: str) -> EngineEvent:
    """The event of one line of output. Never raises: what is not the engine's JSON becomes a `log` event."""
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return EngineEvent(seq, "log", _not_json(line))
    if not isinstance(raw, dict):
        return EngineEvent(seq, "log", plain(line.rstrip()))
    hook = _part(_part(raw, "hook") or _part(raw, "change"), "resource")
    facts = _part(raw, "hook") or _part(raw, "change")
    changes, diagnostic = _part(raw, "changes"), _part(raw, "diagnostic")
    place = _part(diagnostic, "range")
    return EngineEvent(
        seq=seq,
        kind=_KINDS.get(_text(raw, "type"), "log"),
        message=_text(raw, "@message") or _text(raw, "type"),
        at=_time(raw.get("@timestamp")),
        address=_text(hook, "addr") or _text(diagnostic, "address"),
        resource_type=_text(hook, "resource_type"),
        action=_text(facts, "action") or _text(changes, "operation") or _outputs_action(raw),
        elapsed_s=_whole(facts, "elapsed_seconds"),
        id_key=_text(facts, "id_key"),
        id_value=_text(facts, "id_value"),
        severity=_text(diagnostic, "severity"),
        summary=_text(diagnostic, "summary"),
        detail=_text(diagnostic, "detail"),
        file=_text(place, "filename"),
        line=_whole(_part(place, "start"), "line"),
        add=_whole(changes, "add"),
        change=_whole(changes, "change"),
        remove=_whole(changes, "remove"),
        begun_in=_whole(facts, "begun_in"),
        words=_part(raw, "words") or None,
        attributes=_attributes(raw),
        more=_whole(facts, "more"),
    )


def _attributes(raw: dict[str, Any]) -> list[dict[str, Any]] | None:
    listed = raw.get("attributes")
    if raw.get("type") != "butai_attributes" or not isinstance(listed, list):
        return None
    return [_attribute(each) for each in listed if isinstance(each, dict)]


def _attribute(raw: dict[str, Any]) -> dict[str, Any]:
    marks = {"forces": raw.get("forces") is True, "in_code": raw.get("in_code") is not False}
    return {**{name: _text(raw, name) for name in ("path", "before", "after")}, **marks}


def _outputs_action(raw: dict[str, Any]) -> str:
    named = _part(raw, "outputs")
    changed = any(_text(_part(named, name), "action") not in ("", "noop") for name in named)
    return "update" if changed else ""


def _not_json(line: str) -> str:
    # Half a line of JSON can hold the value of an output, which a whole one would have been stripped of.
    if line.lstrip().startswith(("{", "[")):
        return f"(a line that cannot be read, {len(line)} characters)"
    return plain(line.rstrip())


def _part(raw: dict[str, Any], name: str) -> dict[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _text(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name)
    return plain(value) if isinstance(value, str) else ""


def _whole(raw: dict[str, Any], name: str) -> int | None:
    value = raw.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # An absurd number would not fit a database column.
    return int(value) if -(2**31) < value < 2**31 else None


def _time(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
