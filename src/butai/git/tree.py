"""What a commit holds: its files' names, modes and contents."""

from __future__ import annotations

import subprocess
from typing import NamedTuple

from butai.git.process import GitError
from butai.git.repository import Repository
from butai.terraform.text import plain
from butai.text import text

FILE, EXECUTABLE, LINK, SUBMODULE = "100644", "100755", "120000", "160000"


class Entry(NamedTuple):
    """One file of a tree."""

    mode: str
    blob: str
    size: int
    path: str


def entries_of(repository: Repository, commit: str) -> list[Entry]:
    """Every file of a commit; submodules too (their size is 0)."""
    lines = repository.list_tree(commit).decode(errors="surrogateescape").split("\0")
    return [_entry(line) for line in lines if line]


def _entry(line: str) -> Entry:
    attributes, _, path = line.partition("\t")
    mode, _kind, blob, size = attributes.split()
    return Entry(mode, blob, int(size) if size.isdigit() else 0, path)


def content_of(process: subprocess.Popen[bytes], entry: Entry) -> bytes:
    """A file's content from a running `git cat-file --batch`. Raises GitError."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("both pipes are needed")
    try:
        process.stdin.write(f"{entry.blob}\n".encode())
        process.stdin.flush()
    except BrokenPipeError as error:
        raise GitError(text("Git ended while the tree was read.")) from error
    head = process.stdout.readline().split()
    if len(head) != 3 or head[1] != b"blob":
        raise GitError(
            text("Git has no content for {path}.", path=plain(entry.path)), why=text("The mirror clone is damaged.")
        )
    content = process.stdout.read(int(head[2]) + 1)
    if len(content) != int(head[2]) + 1:
        raise GitError(text("Git ended while the tree was read."))
    return content[:-1]
