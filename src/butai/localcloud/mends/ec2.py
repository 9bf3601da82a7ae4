"""EC2: descriptions of security group rules."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.security_groups import SecurityGroupRule


def _description(rule: Any) -> str | None:
    """Missing: the description of a rule that names another group; moto looks for one in an address range alone.

    A changed description is written to the range by moto, so the range goes first.
    """
    found = rule.ip_range.get("Description") or rule.source_group.get("Description")
    return str(found) if found is not None else None


def install() -> None:
    """Put this mend in moto's place."""
    SecurityGroupRule.description = property(_description)  # type: ignore[method-assign,assignment]
