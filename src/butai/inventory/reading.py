"""A repository's files, from a working folder or out of git, as a graph. Nothing in it is ever run."""

from __future__ import annotations

import gc
import hashlib
import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from butai.errors import NotFoundError
from butai.inventory.build import build
from butai.inventory.declared import is_override
from butai.inventory.memory import Folder, Memory
from butai.inventory.model import Graph, Problem
from butai.terraform.hcl_blocks import Block, Parsed, SyntaxProblem
from butai.terraform.hcl_json import parse_json
from butai.terraform.hcl_syntax import LARGEST, parse_hcl
from butai.text import text

# What engines and other tools put there; it is nobody's code.
_LEFT_OUT: Final = frozenset({".git", ".terraform", ".terragrunt-cache", "node_modules"})
_CONFIGURATION: Final = (".tf", ".tofu", ".tf.json", ".tofu.json")
_VARIABLES: Final = (".tfvars", ".tfvars.json")
_TESTS: Final = (".tftest.hcl", ".tftest.json", ".tofutest.hcl", ".tofutest.json")
_TERRAGRUNTS: Final = "terragrunt.hcl"
LARGE: Final = 5_000_000

Cache = MutableMapping[str, Parsed]
"""What was read before, by git's name for the file's content and whether it is JSON: a folder and its commits share it."""


class Entry(NamedTuple):
    """A file of a repository. `real`: the path of what is read, another than `path` for a link.

    `digest`: of its content, where it is known without reading it.
    """

    path: str
    size: int
    real: str
    digest: str = ""


def is_terraforms(path: str) -> bool:
    """Whether a path is one of configuration, variables or tests (Terragrunt's too), and of the repository's own."""
    *folders, name = path.split("/")
    if name.startswith((".", "#")) or not _LEFT_OUT.isdisjoint(folders):
        return False
    return name.endswith((*_CONFIGURATION, *_VARIABLES, *_TESTS)) or name == _TERRAGRUNTS


class Source(Protocol):
    """Where files come from."""

    name: str

    def entries(self) -> tuple[list[Entry], list[Problem]]:
        """Every file of Terraform's, and what was left out that somebody might miss."""

    def read(self, entry: Entry) -> bytes:
        """A file's content. Raises OSError."""

    def folder_links(self) -> Mapping[str, str]:
        """Folders that are links, with where each leads; outside of the repository it begins with `/` or `../`."""


class WorkingFolder:
    """A folder as it is now. Links that leave it are not followed."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path.resolve(), path.resolve().name
        self._links: dict[str, str] = {}
        if not self.path.is_dir():
            raise NotFoundError(
                text("`{folder}` is no folder.", folder=str(path)),
                next=text("Name the folder of a repository."),
                code="no-folder",
            )

    def entries(self) -> tuple[list[Entry], list[Problem]]:
        """Folders are walked once: links to folders are not followed, modules are found over them all the same."""
        found: list[Entry] = []
        problems: list[Problem] = []
        for folder, folders, files in os.walk(self.path):
            folders[:] = sorted(each for each in folders if each not in _LEFT_OUT)
            links = (Path(folder, each) for each in folders)
            self._links |= {
                each.relative_to(self.path).as_posix(): self._relative(each) for each in links if each.is_symlink()
            }
            place = Path(folder).relative_to(self.path).as_posix()
            for name in sorted(filter(is_terraforms, files)):
                self._look(f"{place}/{name}" if place != "." else name, found, problems)
        return found, problems

    def _look(self, path: str, found: list[Entry], problems: list[Problem]) -> None:
        inside, lost = path, ""
        try:
            # Without a `Path` for each: there are many.
            known = os.lstat(f"{self.path}/{path}")
            if stat.S_ISLNK(known.st_mode):
                inside, lost = self._relative(self.path / path), text("this link leads nowhere in the repository")
                if inside.startswith("../"):
                    words = text("this link leaves the repository and was not followed")
                    problems.append(Problem(path, 0, words))
                    return
                known = (self.path / inside).stat()
        except OSError as error:
            why = text("the file cannot be read ({problem})", problem=str(error.strerror))
            problems.append(Problem(path, 0, lost or why))
            return
        if stat.S_ISREG(known.st_mode):
            found.append(Entry(path, known.st_size, inside))
        else:
            # A pipe would be waited for.
            problems.append(Problem(path, 0, text("this is no file that could be read")))

    def content(self, path: str) -> bytes | None:
        """Any file's content, for its lines; none where it is not there, lies outside or is very large."""
        real = (self.path / path).resolve()
        try:
            fits = real.is_relative_to(self.path) and real.is_file() and real.stat().st_size <= LARGE
            return real.read_bytes() if fits else None
        except (OSError, ValueError):
            return None

    def read(self, entry: Entry) -> bytes:
        """A file's content. Raises OSError."""
        return (self.path / entry.real).read_bytes()

    def folder_links(self) -> Mapping[str, str]:
        """As `entries` saw them."""
        return self._links

    def _relative(self, path: Path) -> str:
        """Where it really is. A link in a circle is where it is."""
        return Path(os.path.relpath(os.path.realpath(path), self.path)).as_posix()


def read_graph(source: Source, cache: Cache | None = None, engine: str = "", memory: Memory | None = None) -> Graph:
    """Read a whole repository. Of what `cache` holds nothing is parsed again; it is left with what this repository holds.

    `memory`: of the same repository's graph before; a folder in which nothing changed is not worked out again.
    `engine`: `terraform` leaves `.tofu` files out; otherwise a `.tofu` file replaces the `.tf` file of the same name.
    """
    with no_collecting():
        read = read_files(source, {} if cache is None else cache, engine)
        graph = build(source.name, read.folders, source.folder_links(), terragrunt=read.terragrunt, memory=memory)
    graph.problems = sorted({*read.problems, *graph.problems}, key=lambda each: (each.file, each.line, each.what))
    return graph


@dataclass(frozen=True)
class Files:
    """A repository's files, parsed, by their folders. `terragrunt`: whether it runs the engine here."""

    folders: Mapping[str, Folder]
    problems: list[Problem]
    terragrunt: bool


def read_files(source: Source, cache: Cache, engine: str = "") -> Files:
    """Everything but the graph, which is made of it. For `cache` and `engine` see `read_graph`."""
    entries, problems = source.entries()
    used: set[str] = set()
    terragrunt = False
    folders: defaultdict[str, Folder] = defaultdict(Folder)
    for entry in _chosen(entries, engine):
        if entry.path.endswith(_TERRAGRUNTS):
            terragrunt = True
            continue
        folder = folders[entry.path.rpartition("/")[0] or "."]
        if entry.path.endswith(_TESTS):
            folder.tests.append(entry.path)
            continue
        parsed, key = _parsed(source, entry, cache)
        used.add(key)
        _place(folder, entry).append((entry.real, parsed))
        problems += _large(entry)
    for key in [each for each in cache if each not in used]:
        del cache[key]
    return Files(folders, problems, terragrunt)


def _place(folder: Folder, entry: Entry) -> list[tuple[str, Parsed]]:
    if entry.path.endswith(_VARIABLES):
        return folder.tfvars
    return folder.overrides if is_override(entry.path) else folder.files


def _chosen(entries: list[Entry], engine: str) -> Iterator[Entry]:
    """The files that the engine would read, in the order of their names."""
    tofus = {each.path for each in entries if each.path.endswith((".tofu", ".tofu.json"))}
    for each in sorted(entries, key=attrgetter("path")):
        stem = re.match(r"(.*)\.tf(\.json)?$", each.path) if tofus else None
        twin = f"{stem[1]}.tofu{stem[2] or ''}" if stem else ""
        if (each.path in tofus and engine == "terraform") or (twin in tofus and engine != "terraform"):
            continue
        yield each


def _parsed(source: Source, entry: Entry, cache: Cache) -> tuple[Parsed, str]:
    is_json = entry.path.endswith(".json")
    if entry.size > LARGEST:
        words = text("the file is larger than {size} bytes", size=LARGEST)
        return Parsed(Block("", (), 1), SyntaxProblem(entry.real, 1, 1, words)), ""
    key = f"{entry.digest} {is_json}" if entry.digest else ""
    if key not in cache:
        try:
            content = source.read(entry)
        except OSError as error:
            words = text("the file cannot be read ({problem})", problem=str(error.strerror))
            return Parsed(Block("", (), 1), SyntaxProblem(entry.real, 1, 1, words)), ""
        key = key or f"{_name_in_git(content)} {is_json}"
        if key not in cache:
            cache[key] = parse_json(content, entry.real) if is_json else parse_hcl(content, entry.real)
    known = cache[key]
    if known.problem and known.problem.file != entry.real:
        known = replace(known, problem=replace(known.problem, file=entry.real))
    return known, key


def _name_in_git(content: bytes) -> str:
    # Where a repository has longer names, its commits are only read for themselves.
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _large(entry: Entry) -> list[Problem]:
    if LARGE < entry.size <= LARGEST:
        return [
            Problem(entry.real, 0, text("this file has {size} MB: reading it takes long", size=entry.size // 10**6))
        ]
    return []


@contextmanager
def no_collecting() -> Iterator[None]:
    """Half a million new objects make the collector look at all of them again and again, and none of it is garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
