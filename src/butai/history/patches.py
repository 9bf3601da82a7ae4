"""What `git diff-tree --stdin --patch --unified=0 --no-prefix` writes, read as it comes. Pure but for the stream.

No line of a file can be taken for one of git's own: a hunk says how many lines it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from butai.history.blocks import FileDiff, Hunk

PAIR = re.compile(rb"(?:[0-9a-f]{40} [0-9a-f]{40}|[0-9a-f]{64} [0-9a-f]{64})\n")
"""The two trees, before what differs between them."""

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPED = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
_LONGEST_LINE = 10_000
# Texts are kept to find what a commit moved. One that writes more than this (a generated file) moved nothing by hand.
_MOST_LINES = 200_000


def read_names(pieces: Iterator[bytes]) -> Iterator[set[str]]:
    """Of `--name-only -z`: per pair of trees the files that differ. Pairs end with a newline, names with a zero byte."""
    names: set[str] | None = None
    for piece in pieces:
        name = piece
        while match := PAIR.match(name):
            if names is not None:
                yield names
            names, name = set(), name[match.end() :]
        if name and names is not None:
            names.add(name.decode(errors="replace"))
    if names is not None:
        yield names


def read_patches(out: IO[bytes]) -> Iterator[list[FileDiff]]:
    """One list per pair of trees, in the order asked for, as soon as the next pair is seen.

    The last pair's is never given, since nothing tells whether it is whole: ask for one pair more.
    """
    reader = _Reader(out)
    files: list[FileDiff] | None = None
    while line := reader.line():
        if PAIR.fullmatch(line):
            if files is not None:
                yield files
            files, reader.lines = [], 0
        elif files is not None:
            reader.take(line, files)


class _Reader:
    def __init__(self, out: IO[bytes]) -> None:
        self.out = out
        self.lines = 0

    def line(self) -> bytes:
        """The next line with its newline, cut when it is very long; empty at the end."""
        line = self.out.readline(_LONGEST_LINE)
        return line if line.endswith(b"\n") else self._cut(line)

    def _cut(self, line: bytes) -> bytes:
        piece = line
        while piece and not piece.endswith(b"\n"):
            piece = self.out.readline(_LONGEST_LINE)
        return line

    def take(self, line: bytes, files: list[FileDiff]) -> None:
        """One line of git's own, and the whole hunk that may follow it."""
        if line.startswith(b"diff --git "):
            # Both names are equal, unless lines about a renaming follow.
            name = _path(line[11 : 11 + (len(line) - 12) // 2])
            files.append(FileDiff(name, name))
        elif not files:
            return
        elif match := _HUNK.match(line):
            files[-1].hunks.append(self.hunk(*match.groups()))
        elif line.startswith(b"new file mode "):
            files[-1] = FileDiff("", files[-1].new)
        elif line.startswith(b"deleted file mode "):
            files[-1] = FileDiff(files[-1].old, "")
        elif line.startswith(b"rename from "):
            files[-1] = FileDiff(_path(line[12:-1]), "")
        elif line.startswith(b"rename to "):
            files[-1] = FileDiff(files[-1].old, _path(line[10:-1]))

    def hunk(self, old: bytes, old_count: bytes | None, new: bytes, new_count: bytes | None) -> Hunk:
        """A hunk whose first line was read. Where a count is 0, git says the line before: here it is the line after."""
        taken, written = int(old_count or 1), int(new_count or 1)
        deleted, added = self.body(taken), self.body(written)
        return Hunk(int(old) + (not taken), taken, int(new) + (not written), written, deleted, added)

    def body(self, count: int) -> list[bytes]:
        """So many lines of a file, without git's mark; none where there are too many of them."""
        if not count:
            return []
        line = self.line()
        if line.startswith(b"\\"):  # "No newline at end of file", of the lines before
            line = self.line()
        if count > _MOST_LINES:
            for _ in range(count - 1):
                self.line()
            return []
        readline, cut = self.out.readline, self._cut
        lines = [line[1:-1]]
        for _ in range(count - 1):
            line = readline(_LONGEST_LINE)
            lines.append((line if line.endswith(b"\n") else cut(line))[1:-1])
        self.lines += count
        return lines if self.lines <= _MOST_LINES else []


def _path(name: bytes) -> str:
    if name.startswith(b'"'):
        name = _ESCAPE.sub(lambda match: _ESCAPED.get(match[1]) or _octal(match[1]), name[1:-1])
    return name.decode(errors="replace")


def _octal(code: bytes) -> bytes:
    return bytes([int(code, 8)]) if len(code) == 3 else code
