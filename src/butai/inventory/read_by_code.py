"""Files that a repository's expressions read, in a folder or in a commit. What is not read is never taken for missing."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final, Protocol

from butai.errors import ButaiError
from butai.git.repository import Repository
from butai.git.tree import LINK, SUBMODULE, Entry, entries_of
from butai.inventory.git_source import MOST_LINKS
from butai.inventory.reading import LARGE
from butai.terraform.evaluation.scope import NotTold

_MOST_FILES: Final = 20_000
# A file that lies elsewhere: what is in the repository only names it.
_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_NO_CODE: Final = frozenset({".git", ".terraform"})


class CodeFiles(Protocol):
    """A repository's files by their paths from its top. Both raise NotTold for what is elsewhere, or too large."""

    def read(self, path: str) -> bytes | None:
        """A file's content; none where there is none."""

    def files(self, folder: str) -> list[str]:
        """Every file below a folder."""


class FolderFiles:
    """Those of a folder as it is now."""

    def __init__(self, top: Path) -> None:
        self._top = top.resolve()

    def read(self, path: str) -> bytes | None:
        """As `CodeFiles` says."""
        real = self._real(path)
        try:
            if not real.exists():
                return None
            if not real.is_file() or real.stat().st_size > LARGE:
                raise NotTold
            return _whole(real.read_bytes())
        except OSError as error:
            raise NotTold from error

    def files(self, folder: str) -> list[str]:
        """As `CodeFiles` says."""
        found: list[str] = []
        for each in self._walked(folder):
            if len(found) == _MOST_FILES:
                raise NotTold
            found.append(each)
        return found

    def _walked(self, folder: str) -> Iterator[str]:
        top = self._real(folder)
        for at, folders, files in os.walk(top):
            folders[:] = sorted({*folders} - _NO_CODE)
            if any(Path(at, each).is_symlink() for each in folders):
                raise NotTold
            for name in sorted(files):
                path = posixpath.normpath(posixpath.join(folder, Path(at, name).relative_to(top).as_posix()))
                real = self._real(path)
                if real.is_file():
                    yield path
                elif not real.exists():
                    # A link that leads nowhere, on which the engine fails.
                    raise NotTold

    def _real(self, path: str) -> Path:
        try:
            real = (self._top / path).resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise NotTold from error
        if not real.is_relative_to(self._top):
            raise NotTold
        return real


class CommitFiles:
    """Those of a commit, out of a repository without a working folder. Git is asked when the first one is."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self._repository, self._commit = repository, commit
        # Expressions read the same file for each element of a list.
        self._content = lru_cache(maxsize=32)(self._asked)

    def read(self, path: str) -> bytes | None:
        """As `CodeFiles` says."""
        real = self._real(path)
        blob = self._blobs.get(real)
        if blob is None:
            if any(each.startswith(f"{real}/") for each in self._blobs):
                raise NotTold
            return None
        if blob.size > LARGE:
            raise NotTold
        return _whole(self._content(real))

    def files(self, folder: str) -> list[str]:
        """As `CodeFiles` says."""
        real = self._real(folder)
        below = "" if real == "." else f"{real}/"
        found = [path for path in self._blobs if path.startswith(below)]
        if len(found) > _MOST_FILES:
            raise NotTold
        if not all(self._real(path) in self._blobs for path in found):
            # A link to a folder, or one that leads nowhere.
            raise NotTold
        return [posixpath.normpath(posixpath.join(folder, path.removeprefix(below))) for path in found]

    def _real(self, path: str) -> str:
        """Where a path leads over links."""
        for _ in range(MOST_LINKS):
            special = next((each for each in _ways(path) if each in self._special), None)
            if special is None:
                return path
            if self._special[special] == SUBMODULE:
                raise NotTold
            leads = self._content(special).decode(errors="surrogateescape")
            path = posixpath.normpath(posixpath.join(posixpath.dirname(special), leads, path[len(special) + 1 :]))
            if path.startswith(("/", "../")) or path == "..":
                raise NotTold
        raise NotTold

    def _asked(self, path: str) -> bytes:
        try:
            return self._repository.read(self._commit, path)
        except ButaiError as error:
            raise NotTold from error

    @cached_property
    def _special(self) -> Mapping[str, str]:
        """Links and submodules, with their modes."""
        return {path: each.mode for path, each in self._blobs.items() if each.mode in {LINK, SUBMODULE}}

    @cached_property
    def _blobs(self) -> Mapping[str, Entry]:
        try:
            return {each.path: each for each in entries_of(self._repository, self._commit)}
        except ButaiError as error:
            raise NotTold from error


def _ways(path: str) -> Iterator[str]:
    """`a`, `a/b` and `a/b/c` of `a/b/c`."""
    parts = path.split("/")
    return ("/".join(parts[: number + 1]) for number in range(len(parts)))


def _whole(content: bytes) -> bytes:
    if content.startswith(_POINTER):
        raise NotTold
    return content
