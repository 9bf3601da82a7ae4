"""What the resources of a repository's code cost a month, as far as code and prices tell."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from butai.aws.billing import Billing
from butai.blueprints.service import Blueprints
from butai.git.repository import Repository
from butai.inventory.code_billing import CodeBillings, is_of_aws
from butai.inventory.costs import Cost, cost
from butai.inventory.measures import Figures
from butai.inventory.model import Graph
from butai.inventory.prices_service import Prices
from butai.inventory.read_by_code import CommitFiles
from butai.inventory.values import Values

MOST_KEPT: Final = 8
TOP: Final = "."

Owned = Mapping[str, tuple[str, Billing]]
_Key = tuple[str, str, tuple[tuple[str, str], ...]]


class CodeCosts:
    """Costs of nodes, in the regions of blueprints where the code does not say another.

    A root that is no blueprint's is where the repository's blueprints are, if those are in one region.
    """

    def __init__(self, blueprints: Blueprints, prices: Prices) -> None:
        self._blueprints, self._prices = blueprints, prices
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, Owned] = OrderedDict()

    def figures(self, repository: Repository, commit: str, graph: Graph) -> Figures:
        """US dollars a month, of each resource that has a figure."""
        found = self.of(repository, commit, graph)
        return {id_: float(each.month) for id_, (_, each) in found.items() if each.month is not None}

    def of(self, repository: Repository, commit: str, graph: Graph) -> dict[str, tuple[str, Cost]]:
        """Region (empty: not known) and cost of each resource of AWS, by node."""
        owned = self._owned(repository, commit, graph)
        known = self._prices.book(each for _, each in owned.values())
        return {id_: (region, cost(billing, region, known)) for id_, (region, billing) in owned.items()}

    def of_node(self, repository: Repository, commit: str, graph: Graph, id_: str) -> Cost | None:
        """What one costs; none for what is no resource of AWS. The others are not looked at for it."""
        node = graph.nodes.get(id_)
        if node is None or not is_of_aws(node):
            return None
        region, billing = self._billings(repository, commit, graph).of(node)
        return cost(billing, region, self._prices.book([billing]))

    def _owned(self, repository: Repository, commit: str, graph: Graph) -> Owned:
        key = repository.location, commit, tuple(sorted(self._regions(repository).items()))
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                return known
        made = self._billings(repository, commit, graph).all()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def _billings(self, repository: Repository, commit: str, graph: Graph) -> CodeBillings:
        regions = self._regions(repository)
        values = Values(graph, CommitFiles(repository, commit))
        return CodeBillings(graph, values, regions, _only({*regions.values()}))

    def _regions(self, repository: Repository) -> dict[str, str]:
        """Of roots, where all blueprints that lie in one agree."""
        found: dict[str, set[str]] = {}
        for each in self._blueprints.list():
            if each.repository == repository.location:
                found.setdefault(each.root or TOP, set()).add(each.region)
        return {root: _only(of_root) for root, of_root in found.items()}


def _only(regions: set[str]) -> str:
    """The region, if there is one; empty if it is not known which."""
    return next(iter(regions)) if len(regions) == 1 else ""
