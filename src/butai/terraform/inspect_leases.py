"""What two environments made from one root must not share: listener priorities, host names, networks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from butai.terraform.flow import variables_behind
from butai.terraform.hcl import Root, Variable
from butai.terraform.hcl_syntax import Expression

LISTENER_RULES = frozenset({"aws_lb_listener_rule", "aws_alb_listener_rule"})
# Private, not the block that most first networks use, and room for sixteen networks of /16.
SUPERNET = "10.32.0.0/12"
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


@dataclass(frozen=True)
class LeaseFound:
    """A value that two environments must not share: `kind` is `range`, `cidr` or `subdomain`."""

    name: str
    kind: str
    variable: str | None
    settings: dict[str, Any]
    where: str


def find_leases(root: Root, environment: str) -> Iterator[LeaseFound]:
    """Everything that looks as if two environments must not share it. `environment`: the variable of the name."""
    yield from _priorities(root)
    yield from _subdomains(root, environment)
    yield from _networks(root)


def _priorities(root: Root) -> Iterator[LeaseFound]:
    uses: dict[str, list[str]] = {}
    for rule in (each for each in root.resources.values() if each.type in LISTENER_RULES):
        expression = rule.body.attributes.get("priority")
        for name in variables_behind(root, [expression] if expression else []):
            if root.variables[name].type in {"", "any", "number"}:
                uses.setdefault(name, []).append(rule.where)
    for name, places in uses.items():
        # An environment takes as many numbers as it has rules that count on from one variable.
        step = 10 * (1 + (len(places) - 1) // 10)
        yield LeaseFound(name, "range", name, {"from": 100, "to": 990, "step": step}, root.variables[name].where)


def _subdomains(root: Root, environment: str) -> Iterator[LeaseFound]:
    """A domain (a text variable with a domain as default) that names of hosts are made under."""
    for expression, where in _host_names(root):
        behind = variables_behind(root, [expression])
        domains = [name for name in behind if _is_domain(root.variables[name])]
        if environment in behind and domains:
            domain = str(root.variables[domains[0]].default)
            also = sorted(_further_hosts(root, environment))
            settings = {"subdomain": domain, **({"also": also} if also else {})}
            yield LeaseFound("subdomain", "subdomain", None, settings, where)
            return


def _host_names(root: Root) -> Iterator[tuple[Expression, str]]:
    for each in root.resources.values():
        if each.type in LISTENER_RULES:
            for condition in each.body.of_type("condition"):
                for header in condition.of_type("host_header"):
                    yield from ((expression, each.where) for expression in header.attributes.values())
        elif each.type == "aws_route53_record" and "name" in each.body.attributes:
            yield each.body.attributes["name"], each.where


def _is_domain(variable: Variable) -> bool:
    return isinstance(variable.default, str) and bool(_DOMAIN.fullmatch(variable.default))


def _further_hosts(root: Root, environment: str) -> set[str]:
    pattern = re.compile(rf"\$\{{var\.{re.escape(environment)}\}}-([a-z0-9-]+)\.")
    texts = [each.expression.text for each in root.locals.values()] + [each.text for each, _ in _host_names(root)]
    return {label for text in texts for label in pattern.findall(text)}


def _networks(root: Root) -> Iterator[LeaseFound]:
    """The variable of the VPC's network: its other networks are usually cut out of that."""
    found: dict[str, str] = {}
    for each in root.resources.values():
        if each.type == "aws_vpc" and not each.is_data and "cidr_block" in each.body.attributes:
            found |= dict.fromkeys(variables_behind(root, [each.body.attributes["cidr_block"]]), each.where)
    for call in root.modules.values():
        given = [
            expression for key, expression in call.body.attributes.items() if key in {"cidr", "vpc_cidr", "cidr_block"}
        ]
        found |= dict.fromkeys(variables_behind(root, given), call.where)
    for name in found:
        if "cidr" in name or "network" in name or "block" in name:
            prefix = _prefix(root.variables[name].default)
            settings = {"supernet": SUPERNET, "prefix": prefix}
            yield LeaseFound(name, "cidr", name, settings, root.variables[name].where)


def _prefix(default: Any) -> int:
    try:
        return max(ipaddress.IPv4Network(default).prefixlen, ipaddress.IPv4Network(SUPERNET).prefixlen)
    except ValueError:
        return 20
