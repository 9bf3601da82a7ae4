"""A commit's whole tree as files, byte for byte as they were committed.

Blobs are written one by one instead of `git archive`: an archive leaves out what the repository marks `export-ignore`,
rewrites `export-subst`, and runs the filters (LFS) that the user's git knows.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from butai.errors import RefusedError
from butai.git.repository import Repository
from butai.git.tree import EXECUTABLE, LINK, SUBMODULE, Entry, content_of, entries_of
from butai.terraform.text import plain
from butai.text import text

MAX_BYTES = 2 * 1024**3
MAX_FILES = 200_000
SHOWN = 5

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
LFS_POINTER_MAX_BYTES = 1024


class UnfitTreeError(RefusedError):
    """The commit holds something that Butai cannot bring onto a disk as it is meant."""

    code = "unfit-tree"


def export(repository: Repository, commit: str, target: Path) -> None:
    """Write the tree of a commit to `target`, which must not exist yet. Whole or not at all.

    Raises UnfitTreeError for submodules, LFS files, links that lead out of the tree, and trees that are too large.
    """
    entries = entries_of(repository, commit)
    _refuse_submodules(entries)
    _refuse_size(entries)
    for entry in entries:
        _refuse_path(entry)
    if target.exists():
        raise FileExistsError(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        _write(repository, entries, partial)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _write(repository: Repository, entries: list[Entry], folder: Path) -> None:
    pointers: list[str] = []
    # Links last, so that no file is ever written through one.
    with repository.blobs() as process:
        for entry in sorted(entries, key=lambda entry: entry.mode == LINK):
            content = content_of(process, entry)
            if entry.size <= LFS_POINTER_MAX_BYTES and content.startswith(LFS_POINTER):
                pointers.append(entry.path)
            _place(folder, entry, content)
    if pointers:
        raise UnfitTreeError(
            text("The repository keeps files in Git LFS: {files}.", files=_some(pointers)),
            why=text("What is committed is only a pointer to each of them."),
            next=text("Commit the files themselves, or keep them out of the repository that holds the root."),
            code="git-lfs",
        )
    for entry in entries:
        if entry.mode == LINK:
            _refuse_escape(folder, entry)


def _place(folder: Path, entry: Entry, content: bytes) -> None:
    path = folder / entry.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.mode == LINK:
            path.symlink_to(os.fsdecode(content))
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        handle = os.open(path, flags, 0o777 if entry.mode == EXECUTABLE else 0o666)
    except (FileExistsError, NotADirectoryError, ValueError) as error:
        raise UnfitTreeError(
            text("The tree names {path} twice, or names it in a way no disk takes.", path=plain(entry.path))
        ) from error
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _refuse_path(entry: Entry) -> None:
    parts = entry.path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise UnfitTreeError(
            text(
                "The tree holds the path {path}, which leads out of it or into git's own folder.",
                path=plain(entry.path),
            )
        )


def _refuse_escape(folder: Path, entry: Entry) -> None:
    """A link may lead anywhere inside the tree, by way of other links too; not out of it."""
    path = folder / entry.path
    # Resolved as the system does it: what `..` means behind another link cannot be told from the texts.
    end = Path(os.path.realpath(path))
    if path.readlink().is_absolute() or not end.is_relative_to(folder.resolve()):
        raise UnfitTreeError(
            text("The link {path} leads out of the repository.", path=plain(entry.path)),
            next=text("Replace it by the file that it means, or let it lead to a file of the repository."),
            code="link-leads-out",
        )


def _refuse_submodules(entries: list[Entry]) -> None:
    found = [entry.path for entry in entries if entry.mode == SUBMODULE]
    if found:
        raise UnfitTreeError(
            text("The repository has submodules: {paths}.", paths=_some(found)),
            why=text("Their content is in other repositories, which Butai does not fetch yet."),
            next=text('Put the modules into the repository, or name them as `source = "git::..."` in Terraform.'),
            code="git-submodules",
        )


def _refuse_size(entries: list[Entry]) -> None:
    total = sum(entry.size for entry in entries)
    if total > MAX_BYTES or len(entries) > MAX_FILES:
        raise UnfitTreeError(
            text("The tree is too large: {files} files, {mib} MiB.", files=len(entries), mib=total // 1024**2),
            why=text(
                "Every run writes it to disk; the limit is {most_files} files and {most_mib} MiB.",
                most_files=MAX_FILES,
                most_mib=MAX_BYTES // 1024**2,
            ),
            next=text("Keep build results and data out of the repository that holds the root."),
            code="tree-too-large",
        )


def _some(paths: list[str]) -> str:
    names = ", ".join(plain(path) for path in paths[:SHOWN])
    more = len(paths) - SHOWN
    return text("{names} and {more} more", names=names, more=more) if more > 0 else names
