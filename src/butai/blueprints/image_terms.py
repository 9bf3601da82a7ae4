"""The parts of `butai.yaml` that say which image, and which migrations, a version of a service has. Pure."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from butai.blueprints.state_terms import Part, shaped
from butai.errors import did_you_mean
from butai.text import text

PLACEHOLDERS = ("branch", "commit", "short_commit")
SHAPES = {"commit": "[0-9a-f]{40}", "short_commit": "[0-9a-f]{7}", "branch": "[A-Za-z0-9_.-]+", "artifact": ".+"}


def template(words: str, known: Sequence[str] = PLACEHOLDERS) -> str:
    """A text with placeholders of one version, checked."""
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(words)]
    except ValueError as error:
        raise ValueError(text("has a brace without its partner ({error})", error=error)) from error
    for name, spec, conversion in fields:
        if name is not None and (name not in known or spec or conversion):
            raise ValueError(
                text(
                    "holds an unknown placeholder `{{{name}}}`. {hint}",
                    name=name,
                    hint=did_you_mean(name, known),
                )
            )
    return words


def image_template(words: str) -> str:
    """A text with placeholders that names an image, checked."""
    template(words, (*PLACEHOLDERS, "artifact"))
    if all(name is None for _, name, _, _ in string.Formatter().parse(words)):
        raise ValueError(text("must hold `{commit}`, `{short_commit}` or `{branch}`: the version is chosen by them"))
    if "*" in words.rpartition(":")[0] or ("*" in words and "/" in words.rpartition(":")[2]):
        raise ValueError(text("may have a `*` in the tag alone"))
    if re.search(r"\s", words):
        raise ValueError(text("must not hold blanks"))
    return words


def glob(pattern: str) -> str:
    """A pattern of paths in a repository, checked."""
    if pattern.startswith("/") or ".." in pattern.split("/") or "*" not in pattern:
        raise ValueError(text("must be a path in the service's repository with a `*` in it"))
    return pattern


class Build(Part):
    """What a build on GitHub leaves of a commit: an artefact with a file in which the image's tag, or the whole image, stands."""

    artifact: Annotated[str, shaped(r"^[^\x00-\x1f/\\]+$", 200)] = Field(description="The artefact's name.")
    file: Annotated[str, shaped(r"^[^\x00-\x1f]*$", 400)] = Field(
        default="", description="The file in it, where it has more than one."
    )
