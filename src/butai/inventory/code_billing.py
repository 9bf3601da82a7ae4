"""What is paid for each resource that code declares, and in which region, as far as the code says it. Pure.

What stands in a module is one of its call: with what all calls hand in alike. How often it is called is not counted.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from butai.aws.billing import NOT_KNOWN, Billing
from butai.aws.billing_rules import billing
from butai.inventory.coverage import SAME
from butai.inventory.model import Graph, Kind, Module, Node, Uses
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
Owned = Mapping[str, tuple[str, Billing]]
"""By node: the region (empty: not known) and what is paid there."""


def code_billings(graph: Graph, values: Values, regions: Mapping[str, str], otherwise: str = "") -> Owned:
    """Of every resource of AWS. `regions`: those that are known from elsewhere, by root; `otherwise`: that of other roots."""
    here = _regions(graph, {**regions, **_said(graph, values)}, otherwise)
    resources = [each for each in graph.nodes.values() if each.kind is Kind.RESOURCE and each.type.startswith(AWS)]
    return {
        each.id: (_region(graph, values, each, here.get(each.module, "")), _billing(graph, values, each))
        for each in resources
    }


def _billing(graph: Graph, values: Values, node: Node) -> Billing:
    attributes = _attributes(values, node)
    number = _number(attributes)
    if number is None:
        return NOT_KNOWN
    return billing(SAME.get(node.type, node.type), _sizes(graph, values, node, attributes)).times(number)


def _number(attributes: Attributes) -> int | None:
    """How many `count` or `for_each` make of it; none where that is not known."""
    several = attributes.get("count", attributes.get("for_each", 1))
    if isinstance(several, bool) or several is UNKNOWN:
        return None
    if isinstance(several, dict | list):
        return len(several)
    return int(several) if str(several).isdecimal() else None


def _attributes(values: Values, node: Node) -> dict[str, Any]:
    """Its values by dotted names. What a repeated or a dynamic block says is not known: there may be several."""
    found = dict(values.of(node))
    for name in [each for each in found if ".content." in each]:
        found[name.replace(".content.", ".")] = UNKNOWN
    kinds = Counter(each.type for each in node.block.blocks) if node.block else Counter()
    for name in found:
        if kinds[name.split(".")[0]] > 1 and "." in name:
            found[name] = UNKNOWN
    return found


def _sizes(graph: Graph, values: Values, node: Node, own: dict[str, Any]) -> Attributes:
    """The attributes as `billing` names them."""
    match node.type:
        case "aws_ecs_service":
            task = _other(graph, values, node)
            return {**own, **_service(node, own), **{name: task.get(said) for said, name in _TASK.items()}}
        case "aws_rds_cluster_instance":
            cluster = _other(graph, values, node)
            engine = own["engine"] if own.get("engine", UNKNOWN) is not UNKNOWN else cluster.get("engine")
            return {**own, "engine": engine, "storage_type": cluster.get("storage_type") if cluster else UNKNOWN}
        case "aws_elasticache_replication_group":
            return {**own, **{name: own[said] for said, name in _GROUP.items() if said in own}}
        case "aws_cloudwatch_metric_alarm":
            return {**own, "metrics": UNKNOWN if "metric_query.id" in own else None}
        case "aws_instance":
            # The image decides what runs on it, and which disk.
            return {}
    return own


def _service(node: Node, own: Attributes) -> Attributes:
    changes = dict(node.expressions()).get("lifecycle.ignore_changes")
    is_start = changes is not None and _COUNTS.search(changes.text)
    return {
        "providers": own.get("capacity_provider_strategy.capacity_provider"),
        # Something else than the code decides it later.
        "desired_count": UNKNOWN if is_start else own.get("desired_count"),
    }


def _other(graph: Graph, values: Values, node: Node) -> Attributes:
    """The attributes of the resource that another is made of; none where it is not one that stands in the same folder."""
    attribute = _OTHER[node.type]
    found = [
        graph.nodes[each.target]
        for each in graph.uses.get(node.id, ())
        if each.attribute == attribute and each.target in graph.nodes
    ]
    if len(found) != 1 or found[0].kind is not Kind.RESOURCE:
        return {}
    return _attributes(values, found[0])


def _region(graph: Graph, values: Values, node: Node, of_folder: str) -> str:
    """What the provider's block says, else what its folder is known to be in. Of an alias only its block tells."""
    providers = [
        graph.nodes[each.target]
        for each in graph.uses.get(node.id, ())
        if each.uses is Uses.PROVIDER and each.target in graph.nodes
    ]
    said = [values.of(each).get("region") for each in providers]
    if len(said) == 1 and said[0] and said[0] is not UNKNOWN:
        return str(said[0])
    is_alias = any("alias" in values.of(each) for each in providers) or "provider" in dict(node.expressions())
    return "" if is_alias else of_folder


def _said(graph: Graph, values: Values) -> dict[str, str]:
    """What the provider without an alias says, by root."""
    nodes = [(each.folder, graph.nodes.get(f"{each.folder}:provider.aws")) for each in graph.roots()]
    said = {folder: values.of(node).get("region") for folder, node in nodes if node}
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
