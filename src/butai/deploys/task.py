"""What the program of a deploy is told, and what it writes down as it goes on: two files in the run's folder.

deploy.json    worker    which services, which images, how long to wait
deployed.json  program   by service, how far it came
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from butai.datafolder import write_json

TASK, RESULT = "deploy.json", "deployed.json"


@dataclass(frozen=True)
class Target:
    """One service: its name in the blueprint, its address in the root, where ECS has it, and what it is to run.

    `moves`: the image's tag may mean another build than before, so that the same image is rolled out again. `known`: the
    image that was put there last, as far as Butai knows. `open`: where the image has yet to be found, by what (`Open`).
    `family`: the one of its task definitions, as its state knows it; it may be empty, and out of date.
    """

    name: str
    address: str
    cluster: str
    service: str
    image: str
    variables: Mapping[str, str] = field(default_factory=dict)
    moves: bool = False
    known: str = ""
    open: Mapping[str, str] | None = None
    family: str = ""


@dataclass(frozen=True)
class Before:
    """A command that runs once before a service gets its new version, in a task with that one."""

    service: str
    command: list[str]
    container: str
    timeout_s: int
    token: str


@dataclass(frozen=True)
class Task:
    """What there is to do. `timeout_s`: for the roll-outs; `wait_for_image_s`: for images that are still being built;
    `once`: what runs before."""

    environment: str
    targets: list[Target]
    timeout_s: int
    wait_for_image_s: int = 0
    once: list[Before] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Keep it where the program finds it."""
        write_json(folder / TASK, asdict(self))


def read_task(folder: Path) -> Task:
    """What was written."""
    raw = json.loads((folder / TASK).read_text())
    targets = [Target(**each) for each in raw.pop("targets")]
    once = [Before(**each) for each in raw.pop("once")]
    return Task(targets=targets, once=once, **raw)


class Stage(StrEnum):
    """How far a service came. After `SETTING` alone it is not known whether ECS took it."""

    REGISTERED = "registered"
    SETTING = "setting"
    SET = "set"
    COMPLETED = "completed"
    FAILED = "failed"


IN_PLACE = frozenset({Stage.SET, Stage.COMPLETED})
"""Stages in which the new version is what the service is set to, and nobody saw it fail."""


@dataclass(frozen=True)
class Came:
    """How far one service came: its stage, the revision it had, and the one it gets, with which image."""

    stage: Stage
    before: str
    revision: str
    image: str = ""


def write_result(folder: Path, came: Mapping[str, Came]) -> None:
    """Write down how far every service came."""
    write_json(folder / RESULT, {name: asdict(each) for name, each in came.items()})


def read_result(folder: Path) -> dict[str, Came]:
    """How far every service came; nothing where the program had not begun to change anything."""
    try:
        raw: dict[str, dict[str, Any]] = json.loads((folder / RESULT).read_text())
    except FileNotFoundError:
        return {}
    return {name: Came(**{**each, "stage": Stage(each["stage"])}) for name, each in raw.items()}
