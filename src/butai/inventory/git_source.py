"""A commit's files, out of a repository without a working folder."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from butai.git.repository import Repository
from butai.git.tree import LINK, SUBMODULE, content_of, entries_of
from butai.git.tree import Entry as Blob
from butai.inventory.model import Problem
from butai.inventory.reading import Entry, is_terraforms, no_collecting
from butai.text import text

# A link to a link to a link.
MOST_LINKS = 10


@contextmanager
def git_commit(repository: Repository, commit: str, name: str) -> Iterator[GitCommit]:
    """A commit to read from, as long as git answers. Raises GitError."""
    with no_collecting():
        blobs = entries_of(repository, commit)
    with repository.blobs() as process:
        yield GitCommit(name, blobs, lambda blob: content_of(process, blob))


class GitCommit:
    """One commit; `read` gives a blob's content."""

    def __init__(self, name: str, blobs: list[Blob], read: Callable[[Blob], bytes]) -> None:
        self.name, self._read = name, read
        self._blobs = {each.path: each for each in blobs}

    def entries(self) -> tuple[list[Entry], list[Problem]]:
        """Every file of Terraform's; a submodule's are another repository's."""
        found: list[Entry] = []
        problems: list[Problem] = []
        for path, blob in self._blobs.items():
            if blob.mode == SUBMODULE:
                problems.append(Problem(path, 0, text("this is a submodule, another repository: it was not read")))
            elif is_terraforms(path):
                real = self._followed(blob)
                if real is None:
                    problems.append(Problem(path, 0, text("this link leads nowhere in the repository")))
                else:
                    found.append(Entry(path, real.size, real.path, real.blob))
        return found, problems

    def folder_links(self) -> Mapping[str, str]:
        """Those to folders that are in this commit, and those that leave it."""
        leads = {path: self._leads(blob) for path, blob in self._blobs.items() if blob.mode == LINK}
        if not leads:
            return {}
        there = {*self._folders(), *leads}
        return {path: to for path, to in leads.items() if to in there or to.startswith(("/", "../"))}

    def _folders(self) -> set[str]:
        found: set[str] = set()
        for path in self._blobs:
            while (path := path.rpartition("/")[0]) and path not in found:
                found.add(path)
        return found

    def _leads(self, link: Blob) -> str:
        target = self._read(link).decode(errors="surrogateescape")
        return posixpath.normpath(posixpath.join(posixpath.dirname(link.path), target))

    def _followed(self, blob: Blob) -> Blob | None:
        for _ in range(MOST_LINKS):
            if blob.mode != LINK:
                return blob
            path = self._leads(blob)
            if path not in self._blobs:
                return None
            blob = self._blobs[path]
        return None

    def read(self, entry: Entry) -> bytes:
        """A file's content."""
        return self._read(self._blobs[entry.real])
