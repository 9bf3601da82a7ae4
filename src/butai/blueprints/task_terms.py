"""The part of `butai.yaml` that says which commands run once, and when. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from butai.blueprints.state_terms import Part, shaped

WHENS = ("after_create", "before_deploy", "before_destroy")


class OneOff(Part):
    """A command that runs once in a task of its own: with a service's image, roles, secrets and network."""

    service: str = Field(max_length=40, description="The service whose task definition and network it has.")
    command: list[Annotated[str, shaped(r"^[^\x00]+$", 2000)]] = Field(
        min_length=1, max_length=50, description="The command and its arguments, one by one."
    )
    container: Annotated[str, shaped(r"^[A-Za-z0-9_-]+$", 255)] | None = Field(
        default=None, description="The container that gets the command; else the one that runs the service's image."
    )
    task_definition: Annotated[str, shaped(r"^aws_ecs_task_definition\.[A-Za-z_][A-Za-z0-9_-]*$", 200)] | None = Field(
        default=None,
        description="Address of another definition to run with, for what the service's own must not hold. Not before a deploy.",
    )
    timeout_s: int = Field(default=900, ge=1, le=7200, description="Seconds that it may take.")


class OneOffs(Part):
    """Commands that run once, each after the one before. One that fails ends the run there."""

    after_create: list[OneOff] = Field(
        default_factory=list, max_length=20, description="In a new environment, before it counts as up."
    )
    before_deploy: list[OneOff] = Field(
        default_factory=list,
        max_length=20,
        description="With the new version of a service, before the service gets it: migrations.",
    )
    before_destroy: list[OneOff] = Field(
        default_factory=list, max_length=20, description="Before an environment is destroyed: what lies outside of it."
    )
