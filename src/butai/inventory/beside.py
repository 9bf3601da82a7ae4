"""What `butai map` puts beside the graph: a state that somebody has as a file, and what git tells. English, for a terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from butai.errors import ButaiError, WrongUseError
from butai.git.repository import Repository
from butai.history.figures import Figures as PastFigures
from butai.history.git_log import find, resolve
from butai.history.read import read_history
from butai.inventory.git_source import git_commit
from butai.inventory.held import Held, held
from butai.inventory.measures import Figures, age_and_churn
from butai.inventory.model import Graph
from butai.inventory.naming import root_named
from butai.inventory.past import changes, spans
from butai.inventory.past_views import ThingPast, most_changed
from butai.inventory.reading import Cache, read_graph
from butai.inventory.view import Colour
from butai.terminal import print_json, say, table
from butai.terraform.state import UnreadableStateError
from butai.terraform.state_index import StateInstance, index
from butai.text import text


def show_state(graph: Graph, file: Path, root: str, *, as_json: bool) -> None:
    """A root's code against its state. Raises WrongUseError and NotFoundError."""
    folder, instances = _root(graph, root), _instances(file)
    side = held(graph, folder, instances)
    if as_json:
        print_json(_document(side))
        return
    say(f"{sum(each.mode == 'managed' for each in instances)} in the state, {side.elsewhere} of modules from elsewhere")
    rows = [["in code, not in the state", each.path, ""] for each in side.joined.missing]
    rows += [["in code, may be none", each.path, ""] for each in side.joined.perhaps_missing]
    rows += [["in the state, not in code", each.address, each.id] for each in side.joined.undeclared]
    if rows:
        table(["", "ADDRESS", "ID"], rows)
    else:
        say("Code and state have the same.")


def show_most_changed(path: Path, files: Cache) -> None:
    """What changed most in a year, and who to ask. Where git has nothing to tell, nothing is said.

    `files`: what was parsed of the folder; those that are as they were committed are not parsed again.
    """
    known = _past(path, files)
    found = most_changed(*known) if known else []
    if found:
        say("\nMost changed in a year")
        rows = [[each.id, str(each.changes_in_365_days), str(each.last_at)[:10], _asked(each)] for each in found]
        table(["NODE", "CHANGES", "LAST", "WHO TO ASK"], rows)


def age_and_churn_of(path: Path, files: Cache, now: datetime) -> Mapping[Colour, Figures]:
    """Days since the last change of every node, and its changes in a year; nothing where git has nothing to tell."""
    known = _past(path, files)
    return age_and_churn(changes(known[1]), now) if known else {}


def _past(path: Path, files: Cache) -> tuple[Graph, PastFigures] | None:
    """The newest commit's graph and what git tells of it, if it tells anything.

    By that commit's own lines: those of the folder may have been edited since.
    """
    try:
        repository = find(path)
        if repository is None:
            return None
        commit = resolve(repository, "HEAD")
        with git_commit(Repository(str(path), repository.git), commit, path.name) as source:
            graph = read_graph(source, {**files})
        history = read_history(path, commit, spans(graph))
    except ButaiError as error:
        say(f"\nGit's history is not known: {error.what}")
        return None
    return (graph, PastFigures(history, int(time.time()))) if history else None


def _asked(each: ThingPast) -> str:
    return ", ".join(one.name for one in each.people if one.knows)[:60] or "nobody for certain"


def _instances(file: Path) -> list[StateInstance]:
    try:
        return index(_content(file))
    except UnreadableStateError as error:
        hint = error.next or "`terraform state pull` in the root writes one."
        raise WrongUseError(error.what, why=error.why, next=hint, where=str(file), code=error.code) from error


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise WrongUseError(
            text("`{file}` cannot be read ({problem}).", file=str(file), problem=str(error.strerror)),
            where="--state",
            code="not-read",
        ) from error


def _root(graph: Graph, root: str) -> str:
    roots = [each.folder for each in graph.roots()]
    if not root and len(roots) == 1:
        return roots[0]
    if root:
        return root_named(graph, root)
    raise WrongUseError(
        text("There are {count} roots: say which one the state is of.", count=len(roots)),
        next=text("Name it with `--root`: {folders}.", folders=", ".join(roots[:8])),
        where="--root",
        code="which-root",
    )


def _document(side: Held) -> dict[str, object]:
    return {
        "missing": [each.path for each in side.joined.missing],
        "perhaps_missing": [each.path for each in side.joined.perhaps_missing],
        "undeclared": [_instance(each) for each in side.joined.undeclared],
        "elsewhere": side.elsewhere,
        "nodes": {id_: [_instance(each) for each in found] for id_, found in side.by_node.items()},
    }


def _instance(each: StateInstance) -> dict[str, object]:
    shown = ("address", "id", "arn", "region", "account", "tainted")
    return {name: getattr(each, name) for name in shown}
