"""The parts of a container image's name. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_ECR = re.compile(r"(?P<account>[0-9]{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<rest>.+)")


@dataclass(frozen=True)
class Image:
    """An image in parts. `account` and `region` are those of its ECR registry; empty for any other registry."""

    repository: str
    tag: str
    account: str = ""
    region: str = ""

    @property
    def is_ecr(self) -> bool:
        """Whether its registry can be asked."""
        return bool(self.account)


def parse_image(image: str) -> Image:
    """The parts of an image: `<registry>/<repository>:<tag>` or `...@<digest>`."""
    match = _ECR.fullmatch(image)
    repository, tag = _split(match["rest"] if match else image)
    return Image(repository, tag, match["account"], match["region"]) if match else Image(repository, tag)


def _split(image: str) -> tuple[str, str]:
    name, at, digest = image.partition("@")
    if at:
        return _split(name)[0], digest
    # A colon before the last slash is a port.
    head, colon, tag = name.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (name, "latest")


def same_repository(one: str, other: str) -> bool:
    """Whether two images come out of one repository of one registry."""
    parts = parse_image(one), parse_image(other)
    return len({(each.account, each.region, each.repository) for each in parts}) == 1


def with_image_of(image: str, containers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The containers of a definition that run an image of that repository; where none does, the only one there is."""
    fitting = [each for each in containers if same_repository(each.get("image", ""), image)]
    return fitting or (list(containers) if len(containers) == 1 else [])
