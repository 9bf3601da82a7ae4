"""Images of the local cloud: `<registry>/<name>:<tag>` is a commit of the git repository `<name>`, checked out once."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from butai.aws.image_tag import tag_of
from butai.errors import NotFoundError
from butai.localcloud.repositories import find, git

_PART = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HASH = re.compile(r"[0-9a-f]{7,40}")
_GIT_TIMEOUT_S = 60


class ImageError(NotFoundError):
    """An image that cannot be had; `what` is worded as ECS words a task's stopped reason."""

    code = "image-not-found"


@dataclass(frozen=True)
class Reference:
    """A parsed image reference. `name` is the repository's name without the registry."""

    name: str
    tag: str


def parse(image: str) -> Reference:
    """Read `<registry>/<name>:<tag>`; the registry may be missing, the tag may not.

    Raises ImageError for anything else, digests among them: there is nothing they could be the digest of.
    """
    first, _, rest = image.partition("/")
    path = rest if rest and ("." in first or ":" in first or first == "localhost") else image
    name, _, tag = path.partition(":")
    if not all(_PART.fullmatch(part) for part in name.split("/")) or not _TAG.fullmatch(tag):
        raise _cannot_pull(f"ref {image!r} is not `<registry>/<repository>:<tag>`")
    return Reference(name, tag)


class Images:
    """Checkouts of images: `repositories` holds `<name>.git` or `<name>`, `folder` one folder a commit.

    A checkout is renamed into place when it is whole, so a folder that exists is complete.
    """

    def __init__(self, repositories: Path, folder: Path) -> None:
        self.repositories, self.folder = repositories, folder
        self._lock = threading.Lock()

    def checkout(self, image: str) -> Path:
        """The folder with the files of an image. Raises ImageError when there is no such image."""
        reference = parse(image)
        repository = self._repository(reference.name)
        commit = _resolve(repository, reference.tag)
        if commit is None:
            raise _cannot_pull(f"{image}: not found (no commit, tag or branch `{reference.tag}` in {repository})")
        place = self.folder / reference.name / commit
        with self._lock:
            if not place.exists():
                _extract(repository, commit, place)
        return place

    def _repository(self, name: str) -> Path:
        found = find(self.repositories, name)
        if found is None:
            raise _cannot_pull(f"repository {name} does not exist in {self.repositories}")
        return found


def _cannot_pull(why: str) -> ImageError:
    return ImageError(f"CannotPullContainerError: {why}", next="Push the commit, or choose another image.")


def _resolve(repository: Path, tag: str) -> str | None:
    """The commit that an image's tag names: a hash first, then a git tag, then a branch, by their names or `tag_of` them."""
    candidates = [tag] if _HASH.fullmatch(tag) else []
    candidates += [f"refs/tags/{tag}", f"refs/heads/{tag}"]
    for candidate in candidates:
        if commit := _commit_of(repository, candidate):
            return commit
    listed = _git(repository, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags").stdout.decode()
    named = {tag_of(ref.split("/", 2)[2]): ref for ref in listed.splitlines()}  # git's tags come last, and win
    return _commit_of(repository, named[tag]) if tag in named else None


def _commit_of(repository: Path, revision: str) -> str | None:
    done = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return done.stdout.decode().strip() if done.returncode == 0 else None


def _extract(repository: Path, commit: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=place.parent))
    try:
        with tempfile.TemporaryFile() as archive:
            done = _git(repository, "archive", "--format=tar", commit, output=archive)
            if done.returncode != 0:
                raise _cannot_pull(done.stderr.decode(errors="replace").strip())
            archive.seek(0)
            with tarfile.open(fileobj=archive) as tar:
                tar.extractall(partial, filter="data")
        partial.chmod(0o755)
        partial.rename(place)
    except (tarfile.TarError, OSError) as error:
        raise _cannot_pull(f"{commit} cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _git(
    repository: Path, *arguments: str, output: IO[bytes] | int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    try:
        return git(repository, *arguments, timeout_s=_GIT_TIMEOUT_S, output=output)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _cannot_pull(f"git does not answer for {repository}: {error}") from error
