"""Targets of load balancers as moto's target groups hold them: several on one address, each with its measured health."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from typing import Any

from moto.elbv2.models import FakeHealthStatus

from butai.localcloud.model import HealthCheck, Probe, TargetHealth
from butai.loopback import LOOPBACK

_UNKNOWN = ("unused", "Target.NotRegistered", "Target is not registered to the target group")


def register(group: Any, port: int) -> None:
    """Make a loopback port a target. moto's own key is the address alone, which all tasks here share."""
    write_health(group, port, TargetHealth())


def write_health(group: Any, port: int, health: TargetHealth) -> None:
    """Say what was measured."""
    _write(group, port, health.state.value, health.reason, health.description)


def drain(group: Any, port: int) -> None:
    """No new requests go to the target from now on."""
    _write(group, port, "draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")


def deregister(group: Any, port: int) -> None:
    """Forget the target."""
    group.targets.pop(f"{LOOPBACK}:{port}", None)


def deregister_all(group: Any) -> None:
    """Forget every target that a runner registered."""
    for key in [key for key, target in group.targets.items() if "State" in target]:
        del group.targets[key]


def healthy_ports(group: Any) -> tuple[int, ...]:
    """Loopback ports that requests may go to, in order of registration."""
    return tuple(target["Port"] for target in group.targets.values() if target.get("State") == "healthy")


def described(group: Any, wanted: Sequence[dict[str, Any]]) -> list[FakeHealthStatus]:
    """What DescribeTargetHealth answers for a target group; all its targets when none is asked for by name."""
    if not wanted:
        return [_status(group, target) for target in group.targets.values()]
    return [status for asked in wanted for status in _asked(group, asked)]


def _asked(group: Any, asked: dict[str, Any]) -> list[FakeHealthStatus]:
    found = [
        _status(group, target)
        for target in group.targets.values()
        if target["Id"] == asked["Id"] and str(target["Port"]) == str(asked.get("Port", target["Port"]))
    ]
    return found or [FakeHealthStatus(asked["Id"], asked.get("Port", group.port), group.health_check_port, *_UNKNOWN)]


def _status(group: Any, target: dict[str, Any]) -> FakeHealthStatus:
    # Targets that somebody registered by hand are measured by nobody.
    state = target.get("State", "unavailable")
    return FakeHealthStatus(
        target["Id"], target["Port"], group.health_check_port, state, target.get("Reason"), target.get("Description")
    )


def _write(group: Any, port: int, state: str, reason: str | None, description: str | None) -> None:
    group.targets[f"{LOOPBACK}:{port}"] = {
        "Id": LOOPBACK,
        "Port": port,
        "State": state,
        "Reason": reason,
        "Description": description,
    }


def health_check(group: Any) -> HealthCheck:
    """A target group's health check. moto keeps some of the numbers as text, as they came."""
    return HealthCheck(
        path=group.health_check_path or "/",
        interval_s=float(group.health_check_interval_seconds),
        timeout_s=float(group.health_check_timeout_seconds),
        healthy_threshold=int(group.healthy_threshold_count),
        unhealthy_threshold=int(group.unhealthy_threshold_count),
        matcher=str((getattr(group, "matcher", None) or {}).get("HttpCode") or "200"),
    )


def probe(port: int, check: HealthCheck) -> Probe:
    """Ask a target once, on a connection of its own as the load balancer does."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=check.timeout_s)
    try:
        connection.request("GET", check.path, headers={"User-Agent": "ELB-HealthChecker/2.0", "Connection": "close"})
        return Probe(connection.getresponse().status)
    except TimeoutError:
        return Probe(None, timed_out=True)
    except (OSError, http.client.HTTPException):
        return Probe(None)
    finally:
        connection.close()
