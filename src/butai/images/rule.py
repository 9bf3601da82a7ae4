"""Images that are not known by their names alone. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from butai.aws.image import parse_image

ARTIFACT = "{artifact}"
_GITHUB = re.compile(
    r"(?:https://(?:[^@/]+@)?|ssh://git@|git@)(?P<host>[^/:]+)[/:](?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?"
)
# What a build may have written: a tag, a digest or a whole image, alone in its file.
_WRITTEN = re.compile(r"[A-Za-z0-9][\w.:/@-]{0,400}")


@dataclass(frozen=True)
class GitHubRepository:
    """A repository on GitHub, or on a server of GitHub's of the team's own."""

    host: str
    owner: str
    name: str

    @property
    def api(self) -> str:
        """Where its API is, unless somebody says otherwise."""
        return "https://api.github.com" if self.host == "github.com" else f"https://{self.host}/api/v3"


def github_repository(url: str) -> GitHubRepository | None:
    """The repository that a git URL names; none for another kind of URL, or a path."""
    match = _GITHUB.fullmatch(url)
    return GitHubRepository(match["host"], match["owner"], match["name"]) if match else None


def is_open(image: str) -> bool:
    """Whether an image has yet to be found: a `*` in its tag, or the place of what a build wrote."""
    return ARTIFACT in image or "*" in parse_image(image).tag


def fitting(image: str, tags: list[str]) -> list[str]:
    """The tags that fit an image with `*` in its tag, in the order given; `*` stands for any text."""
    pieces = parse_image(image).tag.split("*")
    wanted = re.compile(".*".join(re.escape(each) for each in pieces))
    return [each for each in tags if wanted.fullmatch(each)]


def with_tag(image: str, tag: str) -> str:
    """The same image with that tag."""
    return image[: len(image) - len(parse_image(image).tag)] + tag


def written(image: str, content: str) -> str:
    """The image with what a build wrote in its place; empty where that is no tag and no image."""
    text = content.strip()
    return image.replace(ARTIFACT, text) if _WRITTEN.fullmatch(text) else ""
