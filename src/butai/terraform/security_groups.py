"""Security groups whose rules are things of their own: what a group then shows of them is no change of the group. Pure.

A group's `ingress` and `egress` list every rule that it has, whoever made it. Those that this root's other resources made
came after the group was written into the state; what is left over, somebody made or took away by hand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

GROUP = "aws_security_group"
DIRECTIONS = ("ingress", "egress")
_ALL = "-1"
_SOURCES = ("cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "security_groups")
_ONE_SOURCE = ("cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id", "source_security_group_id")
Rule = tuple[str, int, int, str]
"""Protocol, first and last port, and one source or target."""


class OwnRules:
    """The rules that resources of their own give to groups, as they are in the world now. `plan`: of `show -json`."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._of: dict[tuple[str, str], set[Rule]] = defaultdict(set)
        for each in _resources(plan.get("prior_state", {}).get("values", {}).get("root_module", {})):
            values = each.get("values", {})
            direction = _direction(each["type"], values)
            if direction:
                group = values.get("security_group_id") or ""
                self._of[group, direction].update(_rules(values, group))

    def decide(self, group: str, direction: str) -> bool:
        """Whether the code writes rules of this group as things of their own."""
        return (group, direction) in self._of

    def explain(self, before: Mapping[str, Any], after: Mapping[str, Any], direction: str) -> bool:
        """Whether the group has just what it had, and what those resources made."""
        group = after.get("id") or ""
        had, has = (
            {rule for one in side.get(direction) or () for rule in _rules(one, group)} for side in (before, after)
        )
        own = self._of.get((group, direction), set())
        return has <= had | own and had - own <= has


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _resources(child)


def _direction(type_: str, values: Mapping[str, Any]) -> str:
    if type_ == "aws_security_group_rule":
        return str(values.get("type") or "")
    return next((each for each in DIRECTIONS if type_ == f"aws_vpc_security_group_{each}_rule"), "")


def _rules(values: Mapping[str, Any], group: str) -> Iterator[Rule]:
    """One for each source: providers join those that are alike in all else."""
    protocol = str(values.get("protocol") or values.get("ip_protocol") or "")
    ports = (0, 0) if protocol == _ALL else (values.get("from_port") or 0, values.get("to_port") or 0)
    sources = [one for name in _SOURCES for one in values.get(name) or ()]
    sources += [values[name] for name in _ONE_SOURCE if values.get(name)]
    for source in [*sources, *([group] if values.get("self") else [])]:
        # One of another account is named with that account.
        yield protocol, *ports, source.rpartition("/")[2] if "/sg-" in source else source
