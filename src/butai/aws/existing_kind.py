"""What a kind of thing in an account is: how it is listed, and what of AWS's description is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from butai.aws.existing_calls import Raw, Things


def _never(_: Raw) -> bool:
    return False


@dataclass(frozen=True)
class Kind:
    """One kind of thing.

    `type`: Terraform's. `arns`: how an ARN of this kind begins, without partition, region and account (`ec2:vpc/`).
    `id`, `arn`, `name`, `created`, `region`: the fields of AWS's description that tell them. Without `arn` the ARN is `arns`
    with the name or, where there is none, the id behind it; without `name` the tag `Name` is the name, or else the id.
    `by_aws`: whether AWS made this one by itself. `is_global`: asked once, belongs to no region unless `region` tells one.
    """

    type: str
    arns: str
    things: Things
    id: str
    arn: str = ""
    name: str = ""
    created: str = ""
    by_aws: Callable[[Raw], bool] = _never
    is_global: bool = False
    region: str = ""


def flag(name: str) -> Callable[[Raw], bool]:
    """Whether a field is set."""
    return lambda raw: bool(raw.get(name))


def says(name: str, *begins: str) -> Callable[[Raw], bool]:
    """Whether a field's words begin like one of these."""
    return lambda raw: str(raw.get(name, "")).startswith(begins)
