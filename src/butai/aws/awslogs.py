"""Where the lines of a task's containers go, by its definition. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Raw = Mapping[str, Any]


def options_of(container: Raw) -> Raw:
    """The options of a container's `awslogs` driver; nothing where it has another one."""
    logs = container.get("logConfiguration") or {}
    return (logs.get("options") or {}) if logs.get("logDriver") == "awslogs" else {}


def log_stream(definition: Raw, container: str, task_arn: str) -> tuple[str, str] | None:
    """Log group and stream of a task's container; none where its lines go elsewhere."""
    found = _log_places(definition).get(container)
    return (found[0], found[1] + task_arn.rpartition("/")[2]) if found else None


def log_places(definition: Raw) -> list[tuple[str, str]]:
    """Log group of each container, and how the names of its streams begin; without those whose lines go elsewhere."""
    return list(_log_places(definition).values())


def _log_places(definition: Raw) -> dict[str, tuple[str, str]]:
    return {
        each["name"]: (options["awslogs-group"], f"{prefix}/{each['name']}/")
        for each in definition.get("containerDefinitions", [])
        if (options := options_of(each)).get("awslogs-group") and (prefix := options.get("awslogs-stream-prefix"))
    }
