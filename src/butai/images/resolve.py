"""Finding the image of a version: one look, which finds it, finds that it is being built, or says what there is instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from butai.aws import registry
from butai.aws.image import parse_image
from butai.images.github import API, TOKEN, GitHub
from butai.images.rule import ARTIFACT, fitting, github_repository, with_tag, written
from butai.text import Text, joined, text

NOTHING = joined("", [])


@dataclass(frozen=True)
class Open:
    """An image that has yet to be found: its name with a `*` or `{artifact}`, of which commit of which repository.

    `artifact`, `file`: where the build of that commit has written it.
    """

    image: str
    repository: str = ""
    commit: str = ""
    artifact: str = ""
    file: str = ""

    def as_json(self) -> dict[str, str]:
        """For a file."""
        return asdict(self)


@dataclass(frozen=True)
class Look:
    """What one look found: the image, or why there is none. `hopeless`: waiting will not bring it."""

    image: str = ""
    why: Text = NOTHING
    hopeless: bool = False


def open_image(service: Any, repository: str, version: Mapping[str, str]) -> Open:
    """What is to be found out for a service's version whose image is open, by its part of the blueprint."""
    build = service.build
    return Open(
        version["image"], repository, version["commit"], build.artifact if build else "", build.file if build else ""
    )


def github_access(environ: Mapping[str, str]) -> dict[str, str]:
    """What a program needs to ask GitHub, out of the worker's environment."""
    return {name: environ[name] for name in (TOKEN, API) if name in environ}


def look(wanted: Open, clients: Callable[..., Any], environ: Mapping[str, str]) -> Look:
    """Look once. `clients` gives AWS's clients by name and region. Raises ClientError and GitHubError."""
    if ARTIFACT in wanted.image:
        return _by_build(wanted, environ)
    return _by_tags(wanted, clients)


def _by_tags(wanted: Open, clients: Callable[..., Any]) -> Look:
    image = parse_image(wanted.image)
    if not image.is_ecr:
        return Look(
            why=text("{image} is in no ECR registry, whose tags could be looked through.", image=wanted.image),
            hopeless=True,
        )
    tags = registry.tags_by_age(clients("ecr", image.region), image.account, image.repository)
    if found := fitting(wanted.image, tags):
        return Look(with_tag(wanted.image, found[0]))
    there = ", ".join(tags[: registry.SHOWN]) or text("none")
    return Look(why=text("There is no image {image}. The newest tags: {tags}", image=wanted.image, tags=there))


def _by_build(wanted: Open, environ: Mapping[str, str]) -> Look:
    repository = github_repository(wanted.repository)
    if repository is None:
        return Look(why=text("{repository} is not on GitHub.", repository=wanted.repository), hopeless=True)
    with closing(GitHub(repository, environ)) as github:
        return _as_built(wanted, github)


def _as_built(wanted: Open, github: GitHub) -> Look:
    built, short = github.built(wanted.commit, wanted.artifact, wanted.file), wanted.commit[:7]
    if built.content is not None:
        image = written(wanted.image, built.content)
        why = text("What the build of {commit} wrote is no tag and no image.", commit=short)
        return Look(image) if image else Look(why=why, hopeless=True)
    if built.goes_on:
        return Look(why=text("The build of {commit} is under way: {page}", commit=short, page=built.page))
    if built.failed:
        return Look(why=text("The build of {commit} has failed: {page}", commit=short, page=built.page), hopeless=True)
    newest = ", ".join(github.newest(wanted.artifact)) or text("none")
    return Look(
        why=text(
            "No build of {commit} has left an artefact `{artifact}`. Commits that have one: {newest}",
            commit=short,
            artifact=wanted.artifact,
            newest=newest,
        )
    )
