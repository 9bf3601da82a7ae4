"""Blueprints as the API gives them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, Field

from butai.blueprints.model import Blueprint, Service
from butai.blueprints.store import BlueprintRow
from butai.blueprints.validate import parse
from butai.git.repository import Repository

_parsed = functools.lru_cache(64)(parse)


class BlueprintView(BaseModel):
    """One blueprint, with what its `butai.yaml` says at `commit`."""

    name: str
    repository: str = Field(description="Git URL or path.")
    ref: str = Field(description="Branch or tag that new environments are made of.")
    root: str = Field(description="Folder of the root module in the repository; empty for its top.")
    commit: str
    region: str
    engine: str | None
    name_max_length: int = Field(description="Longest name of an environment.")
    services: dict[str, Service]
    urls: dict[str, str] = Field(description="Label: output. The first is the main address.")
    pools: list[str] = Field(description="Names of the pools out of which every environment gets something.")
    defaults: list[str] = Field(description="Variables that have a value here; a person may give another one.")
    added_at: datetime
    refreshed_at: datetime


@dataclass(frozen=True)
class KnownRepository:
    """A repository that blueprints lie in, at a ref; `used_by`: their names.

    `engine`: `terraform` or `tofu` where all that name one name this; else empty.
    """

    repository: Repository
    ref: str
    used_by: Sequence[str]
    engine: str = ""


def as_known(row: BlueprintRow) -> Blueprint:
    """What a row's `butai.yaml` says."""
    return _parsed(row.butai_yaml)


def engine_of(rows: Iterable[BlueprintRow]) -> str:
    """The engine that blueprints name, if all that name one name the same; else nothing."""
    named = {each.engine.name for each in map(as_known, rows)} - {None}
    return str(named.pop()) if len(named) == 1 else ""


def view(row: BlueprintRow) -> BlueprintView:
    """A row as the API gives it."""
    blueprint = _parsed(row.butai_yaml)
    return BlueprintView(
        name=row.name,
        repository=row.repository,
        ref=row.ref,
        root=row.root,
        commit=row.commit,
        region=blueprint.region,
        engine=blueprint.engine.name,
        name_max_length=blueprint.name_max_length,
        services=blueprint.services,
        urls=blueprint.urls,
        pools=list(blueprint.pools()),
        defaults=list(blueprint.defaults),
        added_at=row.added_at,
        refreshed_at=row.refreshed_at,
    )


class AddRequest(BaseModel):
    """What to add."""

    repository: str = Field(description="Git URL, or absolute path on the server's machine.")
    ref: str | None = Field(
        default=None, description="Branch, tag or commit; the repository's default branch if empty."
    )
    root: str | None = Field(default=None, description="Folder of the root; needed where there are several.")
    name: str | None = Field(default=None, description="Name here; else that in butai.yaml, else the repository's.")
