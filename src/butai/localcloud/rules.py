"""Which listener rule answers a request, as an Application Load Balancer decides it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_PLACEHOLDER = re.compile(r"#\{(protocol|host|port|path|query)\}")


@dataclass(frozen=True)
class Forward:
    """Send the request to one of these target groups: (ARN, weight) each."""

    groups: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class FixedResponse:
    """Answer with this."""

    status: int
    content_type: str
    body: str


@dataclass(frozen=True)
class Redirect:
    """Send the client elsewhere; the parts may hold `#{host}` and the like. `query` is without the question mark."""

    status: int
    protocol: str = "#{protocol}"
    host: str = "#{host}"
    port: str = "#{port}"
    path: str = "/#{path}"
    query: str = "#{query}"


@dataclass(frozen=True)
class Unsupported:
    """An action that the local cloud does not know; requests get 501 and this name."""

    name: str


Action = Forward | FixedResponse | Redirect | Unsupported


@dataclass(frozen=True)
class Rule:
    """One rule. Every condition given must hold, one of its patterns each; a rule without any is a listener's default.

    `other_conditions` names condition kinds that the local cloud does not evaluate: such a rule never matches, since
    a rule that matches too much would hide the ones after it.
    """

    priority: int
    action: Action
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    other_conditions: tuple[str, ...] = ()

    def matches(self, host: str, path: str) -> bool:
        """Whether a request with this host name (no port) and this path (no query) falls under the rule."""
        if self.other_conditions:
            return False
        host_fits = not self.hosts or any(wildcard(pattern.lower()).fullmatch(host.lower()) for pattern in self.hosts)
        return host_fits and (not self.paths or any(wildcard(pattern).fullmatch(path) for pattern in self.paths))


@lru_cache(maxsize=4096)
def wildcard(pattern: str) -> re.Pattern[str]:
    """`*` stands for any text, `?` for exactly one character, everything else for itself."""
    translated = {"*": ".*", "?": "."}
    return re.compile("".join(translated.get(char, re.escape(char)) for char in pattern), re.DOTALL)


def choose(rules: Sequence[Rule], host: str, path: str) -> Rule | None:
    """The matching rule with the lowest priority number; among equals the first given."""
    return min((rule for rule in rules if rule.matches(host, path)), key=lambda rule: rule.priority, default=None)


def pick_group(action: Forward, turn: int) -> str | None:
    """The target group whose turn it is: over `sum(weights)` turns each comes up as often as its weight says."""
    total = sum(weight for _, weight in action.groups)
    if total <= 0:
        return None
    place = turn % total
    for arn, weight in action.groups:
        if place < weight:
            return arn
        place -= weight
    return None


def host_of(header: str) -> str:
    """The name in a Host header: without the port, also of an IPv6 address in brackets."""
    if header.startswith("["):
        return header.partition("]")[0] + "]"
    return header.partition(":")[0]


def location(redirect: Redirect, *, protocol: str, host: str, port: int, path: str, query: str) -> str:
    """The address that a redirect leads to, made from the request's own parts."""
    parts = {"protocol": protocol, "host": host, "port": str(port), "path": path.removeprefix("/"), "query": query}
    scheme = fill(redirect.protocol, parts).lower()
    port_text = fill(redirect.port, parts)
    usual = {"http": "80", "https": "443"}.get(scheme)
    authority = fill(redirect.host, parts) + ("" if port_text == usual else f":{port_text}")
    query_text = fill(redirect.query, parts)
    return f"{scheme}://{authority}{fill(redirect.path, parts)}" + (f"?{query_text}" if query_text else "")


def fill(text: str, parts: Mapping[str, str]) -> str:
    """Put the request's parts in for `#{host}` and the like, each once: a part's own text is never read as one."""
    return _PLACEHOLDER.sub(lambda found: parts[found[1]], text)
