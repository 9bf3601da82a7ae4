"""What somebody new wants to see first, out of the graph alone: the way of a request, and what is biggest. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from butai.inventory.measures import History
from butai.inventory.model import Edge, Graph, Kind, Node, Uses

_MOST: Final = 8
_UNTOUCHED: Final = timedelta(days=365)
# More often than every second working day.
_DAILY_IN_30_DAYS: Final = 10


class Stage(StrEnum):
    """Where a request passes through, in its order."""

    DNS = "dns"
    ENTRY = "entry"
    SERVICE = "service"
    STORE = "store"


_TYPES: Final = {
    Stage.DNS: ("aws_route53_record", "aws_service_discovery_service", "cloudflare_record", "cloudflare_dns_record"),
    Stage.ENTRY: (
        "aws_lb", "aws_alb", "aws_elb", "aws_cloudfront_distribution", "aws_api_gateway_", "aws_apigatewayv2_",
        "aws_lb_", "aws_alb_", "aws_lambda_function_url", "aws_globalaccelerator_",
    ),
    Stage.SERVICE: (
        "aws_ecs_service", "aws_lambda_function", "aws_instance", "aws_autoscaling_group", "aws_apprunner_service",
        "aws_eks_cluster", "aws_elastic_beanstalk_environment",
    ),
    Stage.STORE: (
        "aws_elasticache_cluster", "aws_elasticache_replication_group", "aws_elasticache_serverless_cache",
        "aws_db_instance", "aws_rds_cluster", "aws_dynamodb_table", "aws_s3_bucket", "aws_sqs_queue", "aws_sns_topic",
        "aws_kinesis_stream", "aws_kinesis_firehose_delivery_stream", "aws_msk_cluster", "aws_opensearch_domain",
        "aws_elasticsearch_domain", "aws_efs_file_system", "aws_docdb_cluster", "aws_memorydb_cluster",
        "aws_redshift_cluster", "aws_neptune_cluster",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Way:
    """One service with what leads to it and what it keeps its data in; each may be empty."""

    dns: list[Node]
    entry: list[Node]
    service: Node
    stores: list[Node]


@dataclass(frozen=True)
class Sized:
    """A folder, and how many resources are written in it."""

    folder: str
    is_root: bool
    resources: int


@dataclass(frozen=True)
class Aged:
    """A node with its last change, and how often it changed in 30 days."""

    node: Node
    last_at: datetime
    changes: int


@dataclass(frozen=True)
class FirstLook:
    """What is told first. The last three are None where git's history is not known."""

    ways: list[Way]
    biggest: list[Sized]
    oldest: list[Aged] | None
    daily: list[Aged] | None
    untouched: int | None


def first_look(graph: Graph, history: History | None, now: datetime) -> FirstLook:
    """Look at a repository for somebody who has never seen it."""
    ages = _ages(graph, history) if history else None
    return FirstLook(
        ways=list(ways(graph)),
        biggest=_biggest(graph),
        oldest=None if ages is None else ages[:_MOST],
        daily=None if ages is None else _daily(ages),
        untouched=None if ages is None else sum(1 for each in ages if now - each.last_at >= _UNTOUCHED),
    )


def stage(node: Node) -> Stage | None:
    """Where a request meets a resource of this type, or one that is looked up."""
    if node.kind not in {Kind.RESOURCE, Kind.DATA}:
        return None
    for each, types in _TYPES.items():
        if any(node.type == type_ or (type_.endswith("_") and node.type.startswith(type_)) for type_ in types):
            return each
    return None


def ways(graph: Graph) -> Iterator[Way]:
    """The way of a request to each service that is written, in the order of the code."""
    stages = {id_: found for id_, node in graph.nodes.items() if (found := stage(node)) is not None}
    for id_, found in stages.items():
        if found is Stage.SERVICE and graph.nodes[id_].kind is Kind.RESOURCE:
            yield _way(graph, stages, id_)


def _way(graph: Graph, stages: dict[str, Stage], service: str) -> Way:
    # A service names its target group, which itself knows of nothing; rules and attachments name it too. What a service
    # merely waits for may be others' rules.
    def named(at: str) -> Iterator[str]:
        edges = [each for each in graph.uses.get(at, ()) if each.uses is not Uses.DEPENDS_ON]
        return _through(stages, () if stages.get(at) is Stage.ENTRY else edges, Stage.ENTRY)

    groups = {each for each in _reached([service], named) if stages.get(each) is Stage.ENTRY}
    pointing = {
        edge.source
        for each in (service, *groups)
        for edge in graph.used_by.get(each, ())
        if stages.get(edge.source) is Stage.ENTRY
    }
    entry = _reached([*groups, *pointing], lambda at: _through(stages, graph.uses.get(at, ()), Stage.ENTRY))
    entry = {each for each in entry | groups | pointing if stages.get(each) is Stage.ENTRY}
    dns = _reached(list(entry), lambda at: _behind(graph, stages, at))
    stores = _reached([service], lambda at: _through(stages, graph.uses.get(at, ()), Stage.STORE))
    return Way(
        dns=_nodes(graph, (each for each in dns if stages.get(each) is Stage.DNS)),
        entry=_nodes(graph, entry),
        service=graph.nodes[service],
        stores=_nodes(graph, (each for each in stores if stages.get(each) is Stage.STORE)),
    )


def _through(stages: dict[str, Stage], edges: Iterable[Edge], wanted: Stage) -> Iterator[str]:
    """What is needed, past whatever has no stage; what has another stage ends the way."""
    return (each.target for each in edges if stages.get(each.target) in {None, wanted})


def _behind(graph: Graph, stages: dict[str, Stage], at: str) -> Iterator[str]:
    """What names something by way of values: a record may get its name from a module's output."""
    passing = {Kind.VARIABLE, Kind.LOCAL, Kind.OUTPUT}
    for edge in graph.used_by.get(at, ()):
        if stages.get(edge.source) is Stage.DNS or graph.nodes[edge.source].kind in passing:
            yield edge.source


def _reached(starts: list[str], beside: Callable[[str], Iterable[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        for each in beside(waiting.pop()):
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return seen


def _nodes(graph: Graph, ids: Iterable[str]) -> list[Node]:
    return [graph.nodes[each] for each in sorted(ids)]


def _biggest(graph: Graph) -> list[Sized]:
    count = dict.fromkeys(graph.modules, 0)
    for node in graph.nodes.values():
        if node.kind is Kind.RESOURCE:
            count[node.module] += 1
    found = [Sized(folder, graph.modules[folder].is_root, each) for folder, each in count.items() if each]
    return sorted(found, key=lambda each: (-each.resources, each.folder))[:_MOST]


def _ages(graph: Graph, history: History) -> list[Aged]:
    found = [
        Aged(node, history[node.id].last_at, history[node.id].in_30_days)
        for node in graph.nodes.values()
        if node.kind is Kind.RESOURCE and node.id in history
    ]
    return sorted(found, key=lambda each: (each.last_at, each.node.id))


def _daily(ages: list[Aged]) -> list[Aged]:
    found = [each for each in ages if each.changes >= _DAILY_IN_30_DAYS]
    return sorted(found, key=lambda each: (-each.changes, each.node.id))[:_MOST]
