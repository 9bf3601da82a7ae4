"""A task definition with another version in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from butai.aws.image import with_image_of


@dataclass(frozen=True)
class Exchange:
    """A definition with another version in it, and the containers that have it."""

    definition: dict[str, Any]
    containers: tuple[str, ...]


def exchange(definition: Mapping[str, Any], image: str, variables: Mapping[str, str]) -> Exchange:
    """The same definition with this image, in the containers that run one of its repository (else in the only one).

    Of `variables` those that such a container has already get their new value: a deploy adds nothing.
    """
    containers = [dict(each) for each in definition.get("containerDefinitions", [])]
    chosen = with_image_of(image, containers)
    for each in chosen:
        each["image"] = image
        pairs = each.get("environment") or []
        if pairs:
            each["environment"] = [{**pair, "value": variables.get(pair["name"], pair["value"])} for pair in pairs]
    exchanged = {**definition, "containerDefinitions": containers}
    return Exchange(exchanged, tuple(each["name"] for each in chosen))
