"""ECR: a repository's images are the commits of the git repository of the same name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.ecr.exceptions import ImageNotFoundException
from moto.ecr.models import Repository
from moto.ecr.responses import ECRResponse

from butai.aws.image_tag import tag_of
from butai.localcloud.mends import replace
from butai.localcloud.repositories import find, git

_NEWEST = 1000  # what ECR answers at most without paging
_GIT_TIMEOUT_S = 10  # nobody else is answered meanwhile
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
        if (source := self._git_of(repository)) is None:
            return super().list_images()
        images = [{"imageDigest": image.digest, "imageTag": tag} for image in commits(source) for tag in image.tags]
        return ActionResult({"imageIds": images})

    def describe_images(self) -> ActionResult:
        """Missing: images, since nobody pushes into the local cloud."""
        repository = self._repository()
        if (source := self._git_of(repository)) is None:
            return super().describe_images()
        images = commits(source)
        wanted = self._get_param("imageIds")
        if wanted:
            images = [_find(images, image_id, repository) for image_id in wanted]
        return ActionResult({"imageDetails": [_detail(image, repository) for image in images]})

    def _repository(self) -> Repository:
        return self.ecr_backend._get_repository(self._get_param("repositoryName"), self._get_param("registryId"))

    def _git_of(self, repository: Repository) -> Path | None:
        return find(self.repositories, repository.name)


def commits(repository: Path) -> list[Commit]:
    """The newest commits of all branches, newest first; an empty list for a repository without any."""
    names: dict[str, list[str]] = {}
    for line in _lines(
        repository, "for-each-ref", f"--format={_COMMIT} %(refname:lstrip=2)", "refs/heads", "refs/tags"
    ):
        sha, _, name = line.partition(" ")
        names.setdefault(sha, []).extend(filter(None, [tag_of(name)]))
    log = _lines(repository, "log", "--branches", "--date-order", f"--max-count={_NEWEST}", "--format=%H %ct")
    return [_commit(line, names) for line in log]


def _commit(line: str, names: dict[str, list[str]]) -> Commit:
    sha, _, seconds = line.partition(" ")
    return Commit(sha, datetime.fromtimestamp(int(seconds), UTC), tuple(names.get(sha, ())))


def _lines(repository: Path, *arguments: str) -> list[str]:
    return git(repository, *arguments, timeout_s=_GIT_TIMEOUT_S, check=True).stdout.decode().splitlines()


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
