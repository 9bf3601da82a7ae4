"""`init`, or a prepared folder in its place: which of the two a run begins with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from butai.environments.keeping import Task
from butai.errors import ButaiError
from butai.runs.folder import Command, RunFolder
from butai.runs.log import RunLog
from butai.runs.model import Step
from butai.terraform import commands
from butai.terraform.engine import Engine
from butai.terraform.machine import this_platform
from butai.terraform.packages import LOCK_FILE
from butai.terraform.prepared import PreparedFolders, Use
from butai.terraform.prepared_key import Ingredients, reason_before, tree_digest
from butai.terraform.providers import Mirrors
from butai.terraform.state import providers
from butai.text import text


@dataclass(frozen=True)
class Root:
    """A root that is exported and has its backend and lock file: what `init` would be run in.

    `state` gives the state's document; it is asked only where it matters. `config`: the CLI configuration's text.
    """

    folder: RunFolder
    path: Path
    engine: Engine
    backend: str
    config: str
    mirrors: Mirrors
    state: Callable[[], bytes | None]


def first_commands(store: PreparedFolders | None, root: Root, log: RunLog) -> list[Command]:
    """The commands that a run of this root begins with: none where a prepared folder was put there, else `init`.

    Where what it makes may be kept, another one follows that does. What is done instead of what, and why, is in the log.
    """
    plain = [Command(Step.INIT, commands.init(root.engine))]
    if store is None:
        return plain
    reason = reason_before(root.path, root.engine.name)
    if reason:
        log.say(Step.INIT, text("Every run of this root does its own init: {reason}.", reason=reason))
        return plain
    made_of = _ingredients(root)
    use = _use(store, made_of.key(), root)
    if use.used:
        seconds = {"checked": f"{use.checked_s:.2f}", "placed": f"{use.placed_s:.2f}"}
        words = text(
            "A prepared folder is used instead of init: checked in {checked} s, copied in {placed} s.", **seconds
        )
        log.say(Step.INIT, words)
        return []
    if use.why_not:
        log.say(Step.INIT, text("The prepared folder is not used, init is done: {reason}.", reason=use.why_not))
    Task(store.place, root.path, made_of).write(root.folder.path)
    keeping = [sys.executable, "-m", "butai.environments.keeping", str(root.folder.path)]
    return [*plain, Command(Step.INIT, keeping, may_fail=True)]


def _use(store: PreparedFolders, key: str, root: Root) -> Use:
    if not store.has(key):
        return Use(used=False)
    try:
        needed = providers(root.state() or b"")
    except ButaiError as error:
        return Use(used=False, why_not=text("the state cannot be looked at ({problem})", problem=error.what))
    try:
        return store.use(key, root.path, needed)
    except OSError as error:
        return Use(used=False, why_not=text("it cannot be read ({problem})", problem=error.strerror or str(error)))


def _ingredients(root: Root) -> Ingredients:
    lock = root.path / LOCK_FILE
    return Ingredients(
        tree=tree_digest(root.folder.tree),
        root=root.path.relative_to(root.folder.tree).as_posix(),
        lock=lock.read_text(errors="replace") if lock.exists() else "",
        backend=root.backend,
        engine=f"{root.engine.name} {root.engine.version}",
        platform=this_platform(),
        config=root.config,
        mirrored=tuple((each.source, each.version) for each in root.mirrors.packages),
    )
