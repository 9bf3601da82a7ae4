"""Which accounts are looked at for a repository, and what of its code the known states hold. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace

from butai.aws.existing import Existing, Gap, Survey
from butai.aws.session import Access
from butai.errors import WrongUseError
from butai.inventory.held import declared
from butai.inventory.measures import Figures
from butai.inventory.model import Graph
from butai.terraform.state_index import StateInstance
from butai.terraform.text import plain
from butai.text import text

HELD, NOT_HELD = 100.0, 0.0
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")


def looks(accesses: Iterable[Access], regions: Sequence[str] = ()) -> list[tuple[Access, tuple[str, ...]]]:
    """Each profile or role once, with the regions to look at: those that are asked for, else its own."""
    own: defaultdict[Access, set[str]] = defaultdict(set)
    for each in accesses:
        own[replace(each, region="")].add(each.region)
    chosen = {who: tuple(dict.fromkeys(regions)) or tuple(sorted(theirs)) for who, theirs in own.items()}
    return [(replace(who, region=where[0]), where) for who, where in chosen.items()]


def checked_regions(regions: Iterable[str]) -> None:
    """Raises WrongUseError for what is no region's name."""
    for each in regions:
        if not _REGION.fullmatch(each):
            raise WrongUseError(
                text("`{region}` is no region.", region=plain(each)), where="regions", code="bad-region"
            )


def by_account(surveys: Sequence[Survey]) -> list[Survey]:
    """One of each account: what one access may not list another may."""
    accounts: defaultdict[str, list[Survey]] = defaultdict(list)
    for each in surveys:
        accounts[each.account].append(each)
    return [_together(account, each) for account, each in accounts.items()]


def paths(instances: Iterable[StateInstance]) -> set[str]:
    """The addresses, without indexes, of what a state manages and does not only have to destroy."""
    return {each.path for each in instances if each.mode == "managed" and not each.deposed}


def figures(graph: Graph, held: Mapping[str, Set[str]]) -> Figures:
    """Per cent of each resource that known states hold: all or nothing. `held`: by root, the paths in its known states.

    What no root declares whose state is known is not in it. A module's resource is held where one root's state has it.
    """
    found: dict[str, float | None] = {}
    for root, known in held.items():
        for each in declared(graph, root) if root in graph.modules else ():
            node = graph.find(root, each.path)
            if node is not None and found.get(node.id) != HELD:
                found[node.id] = HELD if each.path in known else NOT_HELD
    return found


def _together(account: str, surveys: Sequence[Survey]) -> Survey:
    if len(surveys) == 1:
        return surveys[0]
    items: dict[str, Existing] = {}
    gaps: dict[tuple[str, str], Gap] = {}
    listed = frozenset(each for survey in surveys for each in survey.listed)
    for survey in surveys:
        items |= {each.arn: each for each in survey.items if each.arn not in items}
        gaps |= {(each.kind, each.region): each for each in survey.gaps if (each.kind, each.region) not in listed}
    return Survey(account, tuple(items.values()), tuple(gaps.values()), listed)
