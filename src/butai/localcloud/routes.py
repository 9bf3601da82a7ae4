"""What the router knows: listeners, rules and healthy targets, read from moto now and then instead of per request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from butai.localcloud import targets
from butai.localcloud.rules import Action, FixedResponse, Forward, Redirect, Rule, Unsupported
from butai.localcloud.state import CloudState

_DEFAULT_PRIORITY = 1_000_000  # after every rule: those end at 50,000
_HOST, _PATH = "host-header", "path-pattern"


@dataclass(frozen=True)
class Group:
    """A target group: its name, the services behind it, and the loopback ports of its healthy targets."""

    name: str
    services: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()


@dataclass(frozen=True)
class Routes:
    """A look at all load balancers: the rules of each listener port, and the target groups by ARN.

    Load balancers that listen on the same port share it here, and their rules decide together. `https` are ports of
    listeners that nobody serves, since there is no certificate.
    """

    rules: Mapping[int, tuple[Rule, ...]] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    https: frozenset[int] = frozenset()


def read_routes(state: CloudState) -> Routes:
    """Look at moto's load balancers, under its lock."""
    with state.lock:
        elb = state.backend("elbv2")
        listeners = [one for balancer in elb.load_balancers.values() for one in balancer.listeners.values()]
        rules: dict[int, tuple[Rule, ...]] = {}
        for listener in listeners:
            if listener.protocol == "HTTP":
                port = int(listener.port)
                rules[port] = rules.get(port, ()) + tuple(_rule(rule) for rule in listener.rules.values())
        https = frozenset(int(listener.port) for listener in listeners if listener.protocol == "HTTPS")
        return Routes(rules, _groups(state, elb.target_groups), https)


def _groups(state: CloudState, groups: Mapping[str, Any]) -> dict[str, Group]:
    services: dict[str, tuple[str, ...]] = {}
    for service in state.backend("ecs").services.values():
        for one in service.load_balancers or [] if service.status == "ACTIVE" else []:
            arn = one.get("targetGroupArn", "")
            services[arn] = (*services.get(arn, ()), service.name)
    return {
        arn: Group(group.name, services.get(arn, ()), targets.healthy_ports(group)) for arn, group in groups.items()
    }


def _rule(rule: Any) -> Rule:
    conditions = list(rule.conditions or [])
    priority = _DEFAULT_PRIORITY if rule.priority == "default" else int(rule.priority)
    others = tuple(one["Field"] for one in conditions if one["Field"] not in (_HOST, _PATH))
    hosts = _values(conditions, _HOST, "HostHeaderConfig")
    return Rule(priority, read_action(rule.actions), hosts, _values(conditions, _PATH, "PathPatternConfig"), others)


def _values(conditions: list[dict[str, Any]], name: str, config: str) -> tuple[str, ...]:
    found: list[str] = []
    for one in conditions:
        if one["Field"] == name:
            found += one.get("Values") or (one.get(config) or {}).get("Values") or []
    return tuple(found)


def read_action(actions: list[Any]) -> Action:
    """The action that answers: the last in order (those before it, logins, are not done here)."""
    data = max((action.data for action in actions), key=lambda one: int(one.get("Order") or 0))
    if data["Type"] == "forward":
        return _forward(data)
    if data["Type"] == "fixed-response":
        answer = data["FixedResponseConfig"]
        body, kind = answer.get("MessageBody") or "", answer.get("ContentType") or "text/plain"
        return FixedResponse(int(answer["StatusCode"]), kind, body)
    if data["Type"] == "redirect":
        return _redirect(data["RedirectConfig"])
    return Unsupported(data["Type"])


def _forward(data: Mapping[str, Any]) -> Forward:
    several = (data.get("ForwardConfig") or {}).get("TargetGroups") or []
    groups = tuple((one["TargetGroupArn"], int(one.get("Weight") or 0)) for one in several)
    return Forward(groups or ((data["TargetGroupArn"], 1),))


def _redirect(config: Mapping[str, Any]) -> Redirect:
    names = {"protocol": "Protocol", "host": "Host", "port": "Port", "path": "Path", "query": "Query"}
    given = {name: config[key] for name, key in names.items() if config.get(key)}
    return Redirect(301 if config["StatusCode"] == "HTTP_301" else 302, **given)
