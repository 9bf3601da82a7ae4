"""What is paid for each resource that code declares, and in which region, as far as the code says it. Pure.

What stands in a module is one of its call: with what all calls hand in alike. How often it is called is not counted.
"""

from __future__ import annotations

import re
from collections import ChainMap, Counter, defaultdict
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final, cast

from butai.aws.billing import NOT_KNOWN, Billing
from butai.aws.billing_rules import billing, has_rule
from butai.inventory.coverage import SAME
from butai.inventory.model import Graph, Kind, Module, Node
from butai.inventory.values import Values
from butai.terraform.hcl_literals import UNKNOWN

AWS: Final = "aws_"
# A resource's price hangs on another one, which this attribute refers to.
_OTHER: Final = {"aws_ecs_service": "task_definition", "aws_rds_cluster_instance": "cluster_identifier"}
_TASK: Final = {
    "cpu": "task.cpu",
    "memory": "task.memory",
    "runtime_platform.cpu_architecture": "task.cpu_architecture",
    "runtime_platform.operating_system_family": "task.operating_system_family",
    "ephemeral_storage.size_in_gib": "task.storage",
}
_GROUP: Final = {
    "number_cache_clusters": "num_cache_clusters",
    "cluster_mode.num_node_groups": "num_node_groups",
    "cluster_mode.replicas_per_node_group": "replicas_per_node_group",
}
_COUNTS: Final = re.compile(r"\b(desired_count|all)\b")

Attributes = Mapping[str, Any]


class CodeBillings:
    """Of the resources of a graph. `regions`: those that are known from elsewhere, by root; `otherwise`: that of other roots."""

    def __init__(self, graph: Graph, values: Values, regions: Mapping[str, str], otherwise: str = "") -> None:
        self._graph, self._values = graph, values
        self._providers = {each.id: values.of(each) for each in graph.nodes.values() if each.kind is Kind.PROVIDER}
        self._regions = _regions(graph, {**regions, **_said(graph, self._providers)}, otherwise)

    def all(self) -> dict[str, tuple[str, Billing]]:
        """Region (empty: not known) and what is paid there, by node."""
        return {each.id: self.of(each) for each in self._graph.nodes.values() if is_of_aws(each)}

    def of(self, node: Node) -> tuple[str, Billing]:
        """The same of one resource."""
        return self._region(node), self._billing(node)

    def _billing(self, node: Node) -> Billing:
        type_ = SAME.get(node.type, node.type)
        if not has_rule(type_):
            return billing(type_, {})
        attributes = _Written(self._values, node)
        number = _number(attributes)
        return NOT_KNOWN if number is None else billing(type_, self._sizes(node, attributes)).times(number)

    def _sizes(self, node: Node, own: Attributes) -> Attributes:
        """The attributes as `billing` names them."""
        match node.type:
            case "aws_ecs_service":
                task = self._other(node)
                return ChainMap(_service(node, own), {name: task.get(said) for said, name in _TASK.items()}, _base(own))
            case "aws_rds_cluster_instance":
                cluster = self._other(node)
                stored = cluster.get("storage_type") if cluster else UNKNOWN
                return ChainMap({"engine": _known(own, cluster, "engine"), "storage_type": stored}, _base(own))
            case "aws_elasticache_replication_group":
                return ChainMap({name: own[said] for said, name in _GROUP.items() if said in own}, _base(own))
            case "aws_cloudwatch_metric_alarm":
                return ChainMap({"metrics": UNKNOWN if "metric_query.id" in own else None}, _base(own))
            case "aws_instance":
                # The image decides what runs on it, and which disk.
                return {}
        return own

    def _other(self, node: Node) -> Attributes:
        """The attributes of the resource that another is made of; none where that is not one in the same folder."""
        found = [
            self._graph.nodes[each.target]
            for each in self._graph.uses.get(node.id, ())
            if each.attribute == _OTHER[node.type] and each.target in self._graph.nodes
        ]
        return _Written(self._values, found[0]) if len(found) == 1 and found[0].kind is Kind.RESOURCE else {}

    def _region(self, node: Node) -> str:
        """What the provider's block says, else what its folder is known to be in. Of an alias only its block tells."""
        targets = (each.target for each in self._graph.uses.get(node.id, ()))
        own = [self._providers[each] for each in targets if each in self._providers]
        said = [each.get("region") for each in own]
        if len(said) == 1 and said[0] and said[0] is not UNKNOWN:
            return str(said[0])
        is_alias = any("alias" in each for each in own) or bool(node.block and "provider" in node.block.attributes)
        return "" if is_alias else self._regions.get(node.module, "")


def is_of_aws(node: Node) -> bool:
    """Whether it is a resource of AWS."""
    return node.kind is Kind.RESOURCE and node.type.startswith(AWS)


class _Written(Mapping[str, Any]):
    """A resource's values by dotted names, each worked out when it is asked for.

    What a repeated or a dynamic block says is not known: there may be several.
    """

    def __init__(self, values: Values, node: Node) -> None:
        self._values, self._node = values, node
        kinds = Counter(each.type for each in node.block.blocks) if node.block else Counter[str]()
        self._texts: dict[str, str | None] = {}
        for name, each in node.expressions():
            is_several = "." in name and kinds[name.partition(".")[0]] > 1
            is_dynamic = ".content." in name
            self._texts[name.replace(".content.", ".")] = None if is_several or is_dynamic else each.text

    def __getitem__(self, name: str) -> Any:
        text = self._texts[name]
        return UNKNOWN if text is None else self._values.one(self._node, text)

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def _number(attributes: Attributes) -> int | None:
    """How many `count` or `for_each` make of it; none where that is not known."""
    several = attributes.get("count", attributes.get("for_each", 1))
    if isinstance(several, bool) or several is UNKNOWN:
        return None
    if isinstance(several, dict | list):
        return len(several)
    return int(several) if str(several).isdecimal() else None


def _service(node: Node, own: Attributes) -> dict[str, Any]:
    changes = dict(node.expressions()).get("lifecycle.ignore_changes")
    is_start = changes is not None and _COUNTS.search(changes.text)
    return {
        "providers": own.get("capacity_provider_strategy.capacity_provider"),
        # Something else than the code decides it later.
        "desired_count": UNKNOWN if is_start else own.get("desired_count"),
    }


def _known(own: Attributes, other: Attributes, name: str) -> Any:
    """What a resource says itself; where only the world could tell, what the other one says."""
    said = own.get(name)
    return said if said is not None and said is not UNKNOWN else other.get(name)


def _base(own: Attributes) -> MutableMapping[str, Any]:
    """For a ChainMap, which takes what can be changed and changes only its first."""
    return cast(MutableMapping[str, Any], own)


def _said(graph: Graph, providers: Mapping[str, Attributes]) -> dict[str, str]:
    """What the provider without an alias says, by root."""
    said = {each.folder: providers.get(f"{each.folder}:provider.aws", {}).get("region") for each in graph.roots()}
    return {folder: str(region) for folder, region in said.items() if region and region is not UNKNOWN}


def _regions(graph: Graph, regions: Mapping[str, str], otherwise: str) -> dict[str, str]:
    """By folder, where all roots that lead to it say the same."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for root in [each.folder for each in graph.roots()] + [each for each in regions if each in graph.modules]:
        for folder, is_same in _below(graph, graph.modules[root]):
            found[folder].add(regions.get(root, otherwise) if is_same else "")
    return {folder: next(iter(of_roots)) for folder, of_roots in found.items() if len(of_roots) == 1}


def _below(graph: Graph, root: Module) -> Iterator[tuple[str, bool]]:
    """The folders under a root, and whether providers come there by themselves: a call that hands some in may mean others."""
    waiting = [(root.folder, True)]
    seen: set[tuple[str, bool]] = set()
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        yield at
        folder, is_same = at
        for name, called in graph.modules[folder].calls.items():
            call = graph.nodes.get(f"{folder}:module.{name}")
            if called in graph.modules and call is not None and call.block is not None:
                waiting.append((called, is_same and "providers" not in call.block.attributes))
