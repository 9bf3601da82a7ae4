"""The example team's history as `history.yaml` tells it: commits, each with all its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict

FILE_NAME = "history.yaml"
MAIN = "main"

Tree = dict[str, str]


@dataclass(frozen=True)
class Commit:
    """One commit: its branch, who, when, and the whole tree, path -> text."""

    branch: str
    author: str
    at: datetime
    message: str
    tree: Tree


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Entry(_Part):
    by: str
    at: AwareDatetime
    says: str
    adds: list[str] = []
    edits: dict[str, dict[str, str]] = {}
    overlay: str | None = None


class _Repository(_Part):
    source: str
    branches: dict[str, list[_Entry]]


class _History(_Part):
    people: dict[str, str]
    repositories: dict[str, _Repository]


def read(folder: Path) -> dict[str, list[Commit]]:
    """Repository -> its commits, main first, each after the one it is based on. `folder` holds `history.yaml`."""
    told = _History.model_validate(yaml.safe_load((folder / FILE_NAME).read_text("utf-8")))
    return {name: list(_commits(folder, each, told.people)) for name, each in told.repositories.items()}


def _commits(folder: Path, repository: _Repository, people: Mapping[str, str]) -> Iterator[Commit]:
    source = files(folder / repository.source)
    for entry, tree in _main_trees(repository.branches[MAIN], source):
        yield _commit(MAIN, entry, people, tree)
    if tree != source:
        raise ValueError(f"main must end with what {repository.source} holds: {sorted(tree.items() ^ source.items())}")
    for branch, entries in repository.branches.items():
        tree = source
        for entry in entries if branch != MAIN else []:
            tree = _edited(tree | (files(folder / entry.overlay) if entry.overlay else {}), entry.edits)
            yield _commit(branch, entry, people, tree)


def _main_trees(entries: list[_Entry], source: Tree) -> Iterator[tuple[_Entry, Tree]]:
    """Main grows to today's files: what was different in a commit is said by that commit alone."""
    present: set[str] = set()
    for entry in entries:
        present |= {path for path in source if any(fnmatch(path, pattern) for pattern in entry.adds)}
        yield entry, _edited({path: source[path] for path in present}, entry.edits)


def _edited(tree: Tree, edits: Mapping[str, Mapping[str, str]]) -> Tree:
    """The tree with texts replaced. A text that is not there would leave a commit without its change: an error."""
    edited = dict(tree)
    for path, replacements in edits.items():
        for old, new in replacements.items():
            if old not in edited[path]:
                raise ValueError(f"{path} does not hold `{old}`")
            edited[path] = edited[path].replace(old, new)
    return edited


def _commit(branch: str, entry: _Entry, people: Mapping[str, str], tree: Tree) -> Commit:
    author = f"{people[entry.by]} <{entry.by}@minato-parcel.example>"
    return Commit(branch, author, entry.at, entry.says.strip() + "\n", tree)


def files(folder: Path) -> Tree:
    """Path -> text of every file below a folder, without caches, engine folders and states somebody left there."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    relative = {path.relative_to(folder): path for path in paths}
    return {str(name): path.read_text("utf-8") for name, path in relative.items() if not _left_over(name)}


def _left_over(path: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.parts) or ".tfstate" in path.name
