"""The parts of an ARN. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):(?P<account>[a-z0-9]*):(?P<rest>.+)",
    re.DOTALL,
)
_KIND = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[/:]")


@dataclass(frozen=True)
class Arn:
    """`arn:PARTITION:SERVICE:REGION:ACCOUNT:REST`. Region and account are empty where the thing belongs to none."""

    partition: str
    service: str
    region: str
    account: str
    rest: str

    @property
    def kind(self) -> str:
        """Service and kind of thing: `elasticfilesystem:file-system`; the service alone where the ARN names no kind."""
        match = _KIND.match(self.rest)
        return f"{self.service}:{match[1]}" if match else self.service


def parse_arn(arn: str) -> Arn | None:
    """The parts; none for what is no ARN."""
    match = _ARN.fullmatch(arn)
    return Arn(**match.groupdict()) if match else None


def plain_arn(arn: str) -> str:
    """The ARN as all write it: what AWS calls a log group ends in `:*` in some answers and states."""
    return arn.removesuffix(":*")
