"""ECR: a repository's images are the commits of the git repository of the same name."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.ecr.exceptions import ImageNotFoundException
from moto.ecr.models import Repository
from moto.ecr.responses import ECRResponse

from butai.localcloud.mends import replace

_NEWEST = 1000  # what ECR answers at most without paging
_GIT_TIMEOUT_S = 10
_COMMIT = "%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)"  # of an annotated tag too


@dataclass(frozen=True)
class Commit:
    """One commit as an image: its tags are its hash, whole and in twelve letters, and the branches and tags on it."""

    sha: str
    pushed_at: datetime
    names: tuple[str, ...]

    @property
    def tags(self) -> list[str]:
        """Image tags."""
        return [self.sha, self.sha[:12], *self.names]

    @property
    def digest(self) -> str:
        """Image digest: made from the hash, which is too short to be one itself."""
        return f"sha256:{hashlib.sha256(self.sha.encode()).hexdigest()}"


class EcrMends(ECRResponse):
    """moto's ECR with the behaviour below."""

    repositories: ClassVar[Path]

    def list_images(self) -> ActionResult:
        """Missing: images, since nobody pushes into the local cloud."""
        repository = self._repository()
        if (git := self._git_of(repository)) is None:
            return super().list_images()
        images = [{"imageDigest": image.digest, "imageTag": tag} for image in commits(git) for tag in image.tags]
        return ActionResult({"imageIds": images})

    def describe_images(self) -> ActionResult:
        """Missing: images, since nobody pushes into the local cloud."""
        repository = self._repository()
        if (git := self._git_of(repository)) is None:
            return super().describe_images()
        images = commits(git)
        wanted = self._get_param("imageIds")
        if wanted:
            images = [_find(images, image_id, repository) for image_id in wanted]
        return ActionResult({"imageDetails": [_detail(image, repository) for image in images]})

    def _repository(self) -> Repository:
        return self.ecr_backend._get_repository(self._get_param("repositoryName"), self._get_param("registryId"))

    def _git_of(self, repository: Repository) -> Path | None:
        folders = (self.repositories / f"{repository.name}.git", self.repositories / repository.name)
        return next((folder for folder in folders if (folder / "HEAD").exists() or (folder / ".git").exists()), None)


def commits(git: Path) -> list[Commit]:
    """The newest commits of all branches, newest first; an empty list for a repository without any."""
    names: dict[str, list[str]] = {}
    for line in _git(git, "for-each-ref", f"--format={_COMMIT} %(refname:lstrip=2)", "refs/heads", "refs/tags"):
        sha, _, name = line.partition(" ")
        names.setdefault(sha, []).append(re.sub(r"[^A-Za-z0-9._-]", "-", name))  # as the images are named
    log = _git(git, "log", "--branches", "--date-order", f"--max-count={_NEWEST}", "--format=%H %ct")
    return [_commit(line, names) for line in log]


def _commit(line: str, names: dict[str, list[str]]) -> Commit:
    sha, _, seconds = line.partition(" ")
    return Commit(sha, datetime.fromtimestamp(int(seconds), UTC), tuple(names.get(sha, ())))


def _git(git: Path, *arguments: str) -> Iterable[str]:
    # Only git's own variables are kept out: one such as GIT_DIR would win over the folder named here.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(git), *arguments], env=env, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=True
    )
    return done.stdout.splitlines()


def _find(images: list[Commit], image_id: dict[str, str], repository: Repository) -> Commit:
    digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
    for image in images:
        if (digest is None or image.digest == digest) and (tag is None or tag in image.tags):
            return image
    raise ImageNotFoundException(
        image_id=f"{{imageDigest:'{digest or 'null'}', imageTag:'{tag or 'null'}'}}",
        repository_name=repository.name,
        registry_id=repository.registry_id,
    )


def _detail(image: Commit, repository: Repository) -> dict[str, Any]:
    return {
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "imageDigest": image.digest,
        "imageTags": image.tags,
        "imagePushedAt": image.pushed_at,
    }


def install(repositories: Path) -> None:
    """Put these mends in moto's place; `repositories` is the folder that holds the git repositories."""
    EcrMends.repositories = repositories
    replace(ECRResponse, EcrMends)
