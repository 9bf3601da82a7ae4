"""Rules of environments that were made elsewhere: where their state lies, and which ECS service is which. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from butai.aws.ecs import ServiceRef
from butai.aws.image import same_repository, with_image_of
from butai.aws.s3_state import S3Place
from butai.errors import RefusedError, WrongUseError
from butai.runs.model import RunKind
from butai.text import Text, text

_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^\s/](?:\S*[^\s/])?)")
MAY_BE_DONE = frozenset({RunKind.LOOK, RunKind.DEPLOY})
"""What Butai does with them: nothing that needs an engine."""


@dataclass(frozen=True)
class Running:
    """An ECS service with the images of its containers."""

    service: str
    images: tuple[str, ...]


def place_of_state(
    address: str, *, region: str, workspace: str = "", dynamodb_table: str = "", use_lockfile: bool = False
) -> S3Place:
    """Where a state lies that was named by `s3://BUCKET/KEY`, and by its workspace where it is one of several."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise WrongUseError(
            text("`{address}` is no address of a state.", address=address),
            next=text("Say bucket and key, as the root's `backend` block has them: `s3://BUCKET/KEY`."),
            where="state",
            code="bad-state-address",
        )
    return S3Place(
        bucket=match["bucket"],
        key=match["key"],
        region=region,
        dynamodb_table=dynamodb_table,
        use_lockfile=use_lockfile,
        workspace=workspace,
        workspace_key_prefix="env:" if workspace else "",
    )


def refuse_engine(adopted: object | None, name: str, kind: RunKind) -> None:
    """Refuse whatever would need an engine, while Butai only looks after the environment."""
    if adopted is None or kind in MAY_BE_DONE:
        return
    raise RefusedError(
        text("`{name}` was made elsewhere: Butai neither plans nor changes it with Terraform.", name=name),
        why=text("It was adopted, to be seen, deployed to and held."),
        next=text("Its owner can hand it over: `butai take-over {name}`.", name=name),
        code="adopted",
    )


def refuse_ours(adopted: Mapping[str, Any] | None, name: str) -> None:
    """Refuse what only goes with an environment that was made elsewhere."""
    if adopted is None:
        raise RefusedError(
            text("`{name}` was not adopted: Butai looks after it.", name=name),
            next=text("`butai env update {name}` changes it, `butai env destroy {name}` ends it.", name=name),
            code="not-adopted",
        )


def found_elsewhere(adopted: Mapping[str, Any] | None) -> list[ServiceRef]:
    """Where the newest look saw its services."""
    found = (adopted or {}).get("found", {})
    return [ServiceRef(each["cluster"], each["service"]) for each in found.values()]


def matching(image: str, running: Iterable[Running]) -> list[str]:
    """The services of a cluster that run an image out of the same repository."""
    return [each.service for each in running if any(same_repository(image, one) for one in each.images)]


def image_of(template: str, images: Iterable[str]) -> str:
    """The one of a service's images that a blueprint's template is about; the only one where none fits by its name."""
    return next((str(each["image"]) for each in with_image_of(template, [{"image": each} for each in images])), "")


def why_no_service(name: str, cluster: str, candidates: list[str], running: Iterable[Running]) -> Text:
    """Why it cannot be told which ECS service it is, and what to say."""
    if candidates:
        names = ", ".join(sorted(candidates))
        return text("{service}: several services of `{cluster}` run its images: {names}. Say which: `--service {service}=NAME`.",
                    service=name, cluster=cluster, names=names)  # fmt: skip
    names = ", ".join(sorted(each.service for each in running)) or "-"
    return text("{service}: no service of `{cluster}` runs one of its images. There are: {names}.",
                service=name, cluster=cluster, names=names)  # fmt: skip
