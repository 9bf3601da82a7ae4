"""What the inventory gives to pages, API and other rooms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, Field

from butai.inventory.about import About, AboutGroup
from butai.inventory.graphs import Read
from butai.inventory.measures import Figures
from butai.inventory.newcomer import FirstLook
from butai.inventory.picture import Found, Picture, Row
from butai.inventory.summary import Summary
from butai.inventory.view import View


class Counts(BaseModel):
    """How much is in a repository."""

    roots: int
    modules: int
    resources: int
    files: int
    problems: int


class RepositoryView(BaseModel):
    """A repository of the inventory."""

    name: str
    location: str = Field(description="Git URL or path.")
    ref: str = Field(description="Branch or tag that is read.")
    blueprints: list[str] = Field(description="Blueprints that lie in it.")
    added: bool = Field(description="Somebody added it; otherwise it is there because of its blueprints.")
    commit: str = Field(description="Newest known commit of the ref; empty where it cannot be read.")
    fetched_at: datetime | None = Field(description="As of when the commit is the newest one.")
    failure: str = Field(description="Why it cannot be read, or could not be fetched since.")
    counts: Counts | None = Field(description="None until it was read.")


class AddRequest(BaseModel):
    """A repository to add."""

    repository: str = Field(description="Git URL, or absolute path on the server's machine.")
    ref: str = Field(default="", description="Branch or tag; the repository's default branch if empty.")
    name: str = Field(default="", description="Name here; the repository's if empty.")


@dataclass(frozen=True)
class FirstPage:
    """A repository for somebody who has never seen it."""

    repository: RepositoryView
    read: Read
    summary: Summary
    look: FirstLook


@dataclass(frozen=True)
class MapView:
    """A view of a repository. `figures`: what its colours say, where that is a figure. `node`, `group`: what is told about."""

    repository: RepositoryView
    read: Read
    view: View
    picture: Picture
    rows: list[Row]
    found: Found
    figures: Figures
    node: About | None
    group: AboutGroup | None
    excerpt: Excerpt | None


@dataclass(frozen=True)
class Excerpt:
    """Lines of a file of one commit, from line `first`. `nodes`: what is written at a line, by its number."""

    file: str
    commit: str
    first: int
    lines: Sequence[str]
    nodes: Mapping[int, str]
