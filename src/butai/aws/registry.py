"""Whether an image is in ECR, which newest ones are, and for which architectures an image was built."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from butai.aws.lookup import code_of

SHOWN = 5
_TAG_LENGTH = 12
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_NOT_THERE = frozenset({"ImageNotFoundException", "RepositoryNotFoundException"})


@dataclass(frozen=True)
class Found:
    """An image in a registry. `is_index`: its manifest is a list, which names architectures."""

    digest: str
    is_index: bool


def find_image(ecr: Any, account: str, repository: str, tag: str) -> Found | None:
    """The image with this tag or digest; none where there is none. Raises ClientError for everything else."""
    by = {"imageDigest": tag} if tag.startswith("sha256:") else {"imageTag": tag}
    try:
        found = ecr.describe_images(registryId=account, repositoryName=repository, imageIds=[by])["imageDetails"]
    except ClientError as error:
        if code_of(error) in _NOT_THERE:
            return None
        raise
    if not found:
        return None
    return Found(found[0]["imageDigest"], found[0].get("imageManifestMediaType") in _INDEXES)


def tags_by_age(ecr: Any, account: str, repository: str) -> list[str]:
    """Every tag of a repository, of the newest image first. Empty where there is no such repository."""
    return [tag for each in _tagged(ecr, account, repository) for tag in each["imageTags"]]


def newest_images(ecr: Any, account: str, repository: str) -> list[str]:
    """The newest images with a tag, newest first: their tags, long ones cut. Empty where there is no such repository."""
    return [_tags(each["imageTags"]) for each in _tagged(ecr, account, repository)[:SHOWN]]


def _tagged(ecr: Any, account: str, repository: str) -> list[Any]:
    pages = ecr.get_paginator("describe_images").paginate(
        registryId=account, repositoryName=repository, filter={"tagStatus": "TAGGED"}
    )
    try:
        found: list[Any] = [each for page in pages for each in page["imageDetails"] if each.get("imageTags")]
    except ClientError as error:
        if code_of(error) in _NOT_THERE:
            return []
        raise
    return sorted(found, key=_pushed_at, reverse=True)


def _pushed_at(image: Any) -> datetime:
    pushed: datetime = image["imagePushedAt"]
    return pushed


def _tags(tags: list[str]) -> str:
    """One image's tags in short: a hash in whole and in short is one tag."""
    short = {tag if len(tag) < 40 else tag[:_TAG_LENGTH]: None for tag in tags}
    return "/".join(short)


def architectures(ecr: Any, account: str, repository: str, digest: str) -> set[str]:
    """The architectures in an image's index; empty where it does not say."""
    asked = {"registryId": account, "repositoryName": repository, "imageIds": [{"imageDigest": digest}]}
    found = ecr.batch_get_image(**asked, acceptedMediaTypes=list(_INDEXES))["images"]
    manifests = json.loads(found[0]["imageManifest"]).get("manifests", []) if found else []
    named = {each.get("platform", {}).get("architecture", "") for each in manifests}
    # What attests a build is listed beside it under the architecture `unknown`.
    return named - {"", "unknown"}
