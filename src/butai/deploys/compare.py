"""In what two environments differ: versions, variables, what their containers are given, drift. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from butai.environments.service import EnvironmentView
from butai.terraform.state import objects
from butai.text import Text, text

_DEFINITION = "aws_ecs_task_definition."
# What stands for an environment's own name, in which two of them always differ.
_OWN_NAME = "\N{BULLET}"


class Part(StrEnum):
    """Of what kind a difference is."""

    SERVICE = "service"
    CODE = "code"
    ENGINE = "engine"
    VARIABLE = "variable"
    CONTAINER_VARIABLE = "container-variable"
    CONTAINER_SECRET = "container-secret"  # noqa: S105 - a word
    DRIFT = "drift"


PARTS: Mapping[Part, Text] = {
    Part.SERVICE: text("Version of a service"),
    Part.CODE: text("Terraform commit"),
    Part.ENGINE: text("Engine"),
    Part.VARIABLE: text("Terraform variable"),
    Part.CONTAINER_VARIABLE: text("Variable of a container"),
    Part.CONTAINER_SECRET: text("Secret of a container"),
    Part.DRIFT: text("Drift"),
}


class LineShape(BaseModel):
    """One thing in which they differ. Empty: one of them has it not.

    What containers are given is told apart, not shown: `one` and `another` stand for values, which may be secrets.
    """

    part: Part
    name: str
    left: str
    right: str


class ComparedShape(BaseModel):
    """Two environments beside each other."""

    left: str
    right: str
    lines: list[LineShape] = Field(description="In what they differ.")
    same: int = Field(description="How many things are the same in both.")


Facts = Mapping[tuple[Part, str], str]


def compared(
    left: EnvironmentView, right: EnvironmentView, left_state: bytes | None, right_state: bytes | None
) -> ComparedShape:
    """In what they differ. An environment's own name inside of values does not count."""
    one, other = facts(left, left_state), facts(right, right_state)
    keys = sorted({*one, *other}, key=lambda key: (list(Part).index(key[0]), key[1]))
    lines = [_line(key, one.get(key), other.get(key)) for key in keys if one.get(key) != other.get(key)]
    return ComparedShape(left=left.name, right=right.name, lines=lines, same=len(keys) - len(lines))


def facts(shown: EnvironmentView, state: bytes | None) -> Facts:
    """Everything that is compared of one."""
    return {
        **{(Part.SERVICE, each.name): f"{each.branch} {each.commit[:7]}" for each in shown.services},
        (Part.CODE, ""): f"{shown.ref} {shown.commit[:7]}",
        (Part.ENGINE, ""): shown.engine,
        **{(Part.VARIABLE, name): str(value) for name, value in shown.variables.items()},
        **({key: value.replace(shown.name, _OWN_NAME) for key, value in _given(state)} if state else {}),
        (Part.DRIFT, ""): str(shown.drift.count if shown.drift else 0),
    }


def _given(state: bytes) -> Iterator[tuple[tuple[Part, str], str]]:
    for address, definition in objects(state).items():
        if _DEFINITION in address:
            for container in json.loads(definition.attributes.get("container_definitions") or "[]"):
                yield from _of_container(container)


def _of_container(container: Mapping[str, Any]) -> Iterator[tuple[tuple[Part, str], str]]:
    for kind, part, value in (
        ("environment", Part.CONTAINER_VARIABLE, "value"),
        ("secrets", Part.CONTAINER_SECRET, "valueFrom"),
    ):
        for each in container.get(kind) or []:
            yield (part, f"{container['name']}: {each['name']}"), str(each.get(value, ""))


def _line(key: tuple[Part, str], left: str | None, right: str | None) -> LineShape:
    part, name = key
    if part in (Part.CONTAINER_VARIABLE, Part.CONTAINER_SECRET):
        other = "another" if left is not None else "one"
        left, right = None if left is None else "one", None if right is None else other
    return LineShape(part=part, name=name, left=left or "", right=right or "")
