"""What code declares against what a state holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from butai.terraform.state_index import StateInstance


@dataclass(frozen=True)
class Declared:
    """A resource in code, by its address without any index. `may_be_none`: its or a module's `count` or `for_each` may be
    empty."""

    path: str
    may_be_none: bool = False


@dataclass(frozen=True)
class Joined:
    """`missing`: in code and not in the state. `perhaps_missing`: the same of what may be none at all. `undeclared`: in the
    state and not in code, which the next apply destroys."""

    missing: tuple[Declared, ...]
    perhaps_missing: tuple[Declared, ...]
    undeclared: tuple[StateInstance, ...]


def joined(declared: Iterable[Declared], instances: Sequence[StateInstance]) -> Joined:
    """Compare the managed ones; a deposed one is what the state still has to destroy, and no sign of what it was."""
    every = {each.path: each for each in declared}
    managed = [each for each in instances if each.mode == "managed"]
    held = {each.path for each in managed if not each.deposed}
    missing = [each for path, each in every.items() if path not in held]
    return Joined(
        missing=tuple(each for each in missing if not each.may_be_none),
        perhaps_missing=tuple(each for each in missing if each.may_be_none),
        undeclared=tuple(each for each in managed if each.path not in every),
    )
