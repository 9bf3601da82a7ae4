"""Images that have yet to be found, before Terraform is given them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from butai.aws.clients import Clients
from butai.aws.session import session_for
from butai.blueprints.service import AtCommit
from butai.errors import ButaiError, RefusedError
from butai.images.resolve import look, open_image
from butai.images.rule import is_open
from butai.text import text


def with_images(
    at: AtCommit, params: Mapping[str, Any], present: Mapping[str, dict[str, str]], repository_of: Callable[[str], str]
) -> dict[str, Any]:
    """A run's parameters with every image found. A commit that is there keeps its image. Raises RefusedError, AccessError."""
    found = {
        name: {**version, "image": _kept(version, present.get(name)) or _found(at, name, version, repository_of)}
        for name, version in params["services"].items()
        if is_open(version["image"])
    }
    values = {at.blueprint.services[name].variable: each["image"] for name, each in found.items()}
    return {**params, "services": {**params["services"], **found}, "values": {**params["values"], **values}}


def _kept(version: Mapping[str, str], present: Mapping[str, str] | None) -> str:
    same = present is not None and present["commit"] == version["commit"] and not is_open(present["image"])
    return present["image"] if present is not None and same else ""


def _found(at: AtCommit, name: str, version: Mapping[str, str], repository_of: Callable[[str], str]) -> str:
    wanted = open_image(at.blueprint.services[name], repository_of(name), version)
    try:
        found = look(wanted, Clients(session_for(at.access)), os.environ)
    except (ClientError, BotoCoreError) as error:
        raise ButaiError(text("AWS refused: {reason}", reason=str(error)), code="aws-refused") from error
    if not found.image:
        raise RefusedError(
            text("{service}: {why}", service=name, why=found.why),
            next=text("Wait for the build, then run it again; `butai deploy --wait-for-image` waits by itself."),
            code="no-image",
        )
    return found.image
