"""What a thing shows of other things that were given to it: no change of it where code made those as things of their own. Pure.

A security group lists every rule that it has, a route table every route, a role every policy, whoever made it. Those that
this root's other resources made came after the thing was written into the state; what is left over, somebody made or took
away by hand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Values = Mapping[str, Any]
Given = tuple[Any, ...]
"""One thing that was given, by what is the same in both tellings."""

_ALL = "-1"
_SOURCES = ("cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "security_groups")
_ONE_SOURCE = ("cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id", "source_security_group_id")
_DESTINATIONS = ("cidr_block", "ipv6_cidr_block", "destination_prefix_list_id")
_TARGETS = (
    "carrier_gateway_id",
    "core_network_arn",
    "egress_only_gateway_id",
    "gateway_id",
    "local_gateway_id",
    "nat_gateway_id",
    "network_interface_id",
    "transit_gateway_id",
    "vpc_endpoint_id",
    "vpc_peering_connection_id",
)


class OwnThings:
    """What resources of their own give to others, as they are in the world now. `plan`: of `show -json`."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._of: dict[tuple[str, str], set[Given]] = defaultdict(set)
        for each in _resources(plan.get("prior_state", {}).get("values", {}).get("root_module", {})):
            values = each.get("values", {})
            attribute, receiver = _RECEIVERS.get(each["type"], ("", ""))
            to = values.get(receiver) or ""
            if attribute:
                attribute = attribute if attribute != _BY_TYPE else str(values.get("type"))
                self._of[to, attribute].update(_KINDS[attribute](values, to))

    def give(self, type_: str, receiver: str, attribute: str) -> bool:
        """Whether the code writes what this attribute of a thing shows as things of their own."""
        return attribute in _SHOWN.get(type_, ()) and (receiver, attribute) in self._of

    def explain(self, before: Values, after: Values, attribute: str) -> bool:
        """Whether a thing has just what it had, and what those resources made."""
        to = after.get("id") or ""
        had, has = (
            {each for one in side.get(attribute) or () for each in _KINDS[attribute](one, to)}
            for side in (before, after)
        )
        own = self._of[to, attribute]
        return has <= had | own and had - own <= has


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _resources(child)


def _rules(values: Values, group: str) -> Iterator[Given]:
    """One for each source: providers join those that are alike in all else."""
    protocol = str(values.get("protocol") or values.get("ip_protocol") or "")
    ports = (0, 0) if protocol == _ALL else (values.get("from_port") or 0, values.get("to_port") or 0)
    sources = [one for name in _SOURCES for one in values.get(name) or ()]
    sources += [values[name] for name in _ONE_SOURCE if values.get(name)]
    for source in [*sources, *([group] if values.get("self") else [])]:
        # One of another account is named with that account.
        yield protocol, *ports, source.rpartition("/")[2] if "/sg-" in source else source


def _routes(values: Values, _: str) -> Iterator[Given]:
    both = ((values.get(name) or values.get(f"destination_{name}")) for name in _DESTINATIONS)
    yield next(filter(None, both), ""), next((values[name] for name in _TARGETS if values.get(name)), "")


def _policy_names(values: Values, _: str) -> Iterator[Given]:
    yield (values.get("name") or "",)


def _policy_arns(values: Values | str, _: str) -> Iterator[Given]:
    yield (values if isinstance(values, str) else values.get("policy_arn") or "",)


_BY_TYPE = "type"
_KINDS: Mapping[str, Callable[[Any, str], Iterator[Given]]] = {
    "ingress": _rules,
    "egress": _rules,
    "route": _routes,
    "inline_policy": _policy_names,
    "managed_policy_arns": _policy_arns,
}
_SHOWN = {
    "aws_security_group": ("ingress", "egress"),
    "aws_route_table": ("route",),
    "aws_iam_role": ("inline_policy", "managed_policy_arns"),
}
# In which attribute others show it, and which of its own says who.
_RECEIVERS = {
    "aws_security_group_rule": (_BY_TYPE, "security_group_id"),
    "aws_vpc_security_group_ingress_rule": ("ingress", "security_group_id"),
    "aws_vpc_security_group_egress_rule": ("egress", "security_group_id"),
    "aws_route": ("route", "route_table_id"),
    "aws_iam_role_policy": ("inline_policy", "role"),
    "aws_iam_role_policy_attachment": ("managed_policy_arns", "role"),
}
