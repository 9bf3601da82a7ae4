"""Names of repositories in the inventory, and of roots in them. Pure."""

from __future__ import annotations

import re
from typing import Final

from butai.errors import NotFoundError, RefusedError, WrongUseError, did_you_mean
from butai.inventory.model import Graph
from butai.terraform.text import plain
from butai.text import text

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST: Final = 63


def free_name(name: str, known: set[str]) -> str:
    """A name that nothing known has: `infra`, `infra-2`."""
    name = name or "repository"
    numbered = (f"{name}-{number}" for number in range(2, len(known) + 3))
    return name if name not in known else next(each for each in numbered if each not in known)


def checked_name(name: str) -> str:
    """A name that somebody gave. Raises WrongUseError."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise WrongUseError(
            text(
                "`{name}` has something else than lower-case letters, digits and single hyphens inside, or more than "
                "{longest} characters.",
                name=plain(name),
                longest=_LONGEST,
            ),
            next=text("Give it another name."),
            where="name",
            code="bad-name",
        )
    return name


def taken(name: str) -> RefusedError:
    """That a name is another's."""
    return RefusedError(
        text("There is a repository `{name}` already.", name=name),
        next=text("Give it another name."),
        where="name",
        code="name-taken",
    )


def root_named(graph: Graph, root: str) -> str:
    """The folder of a root that somebody named. Raises NotFoundError."""
    wanted = root.rstrip("/").removeprefix("./") or "."
    if wanted in graph.modules:
        return wanted
    roots = [each.folder for each in graph.roots()]
    raise NotFoundError(
        text("There is no root `{folder}`.", folder=plain(root)),
        next=did_you_mean(wanted, roots),
        where="root",
        code="no-such-root",
    )
