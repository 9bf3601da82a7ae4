"""What the result of `init` depends on, and why some roots' results are not kept. Nothing is written here."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from butai.errors import NotFoundError
from butai.terraform.hcl import read_root
from butai.terraform.packages import read_lock
from butai.terraform.root import ModuleCall, Root
from butai.text import Text, text

# Counted up when what is kept, or how, changes: then nothing kept before is found any more.
FORMAT = 1
MODULE_FILES = (".tf", ".tf.json", ".tofu", ".tofu.json")
DATA_FOLDER = ".terraform"
KNOWN = frozenset({"modules", "providers", "terraform.tfstate"})

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_RELEASE = re.compile(r"v?\d+(\.\d+)+([-+][0-9A-Za-z.+-]+)?")
_EXACT = re.compile(r"=?\s*v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?\s*")
_REGISTRY = re.compile(r"(?P<host>[\w-]+(\.[\w-]+)+(:\d+)?/)?[\w-]+/[\w-]+/[\w-]+(//.*)?")
_GIT_HOSTS = ("github.com/", "bitbucket.org/")


@dataclass(frozen=True)
class Ingredients:
    """Everything that the result of `init` depends on.

    `tree`: `tree_digest` of the exported commit; `root`: the root's folder in it; `lock`: the lock file's text before;
    `backend`: the override file's text; `engine`: name and version; `config`: the CLI configuration's text; `mirrored`:
    source and version of each package that the mirrors hold.
    """

    tree: str
    root: str
    lock: str
    backend: str
    engine: str
    platform: str
    config: str
    mirrored: tuple[tuple[str, str], ...]

    def key(self) -> str:
        """Another one for any other ingredient: 64 hexadecimal digits."""
        parts = [FORMAT, *asdict(replace(self, mirrored=tuple(sorted(set(self.mirrored))))).values()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def after(self, lock: str) -> Ingredients:
        """The same with the lock file that `init` left: what the next run of the environment begins with."""
        return replace(self, lock=lock)

    def as_stored(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


def stored_ingredients(raw: Mapping[str, Any]) -> Ingredients:
    """What `as_stored` gave, read again."""
    return Ingredients(**{**raw, "mirrored": tuple((source, version) for source, version in raw["mirrored"])})


def tree_digest(tree: Path) -> str:
    """SHA-256 over names and contents of all module files of a tree, and over its links. Raises OSError."""
    whole = hashlib.sha256()
    for name, content in sorted(_module_files(tree)):
        for part in (name, content):
            whole.update(f"{len(part)}:".encode() + part)
    return whole.hexdigest()


def _module_files(tree: Path) -> Iterator[tuple[bytes, bytes]]:
    for place, folders, files in os.walk(tree):
        for name in [*folders, *files]:
            path = Path(place) / name
            shown = os.fsencode(path.relative_to(tree))
            if path.is_symlink():
                yield shown, b"link " + os.fsencode(path.readlink())
            elif name.endswith(MODULE_FILES) and path.is_file():
                yield shown, b"file " + path.read_bytes()


def reason_before(root: Path, engine: str) -> Text | None:
    """Why the result of `init` in this root is not kept, as far as its own files say; none where it may be.

    `engine`: the engine's name. A root that cannot be read is left to the engine.
    """
    for name in (DATA_FOLDER, "terraform.d"):
        if os.path.lexists(root / name):
            return text("the repository holds `{name}` in the root", name=name)
    try:
        read = read_root(root, engine)
    except NotFoundError:
        return text("the root cannot be read")
    if read.problems:
        return text("the root cannot be read")
    return _unpinned(_calls(read))


def reason_after(root: Path, before: str, lock: str, mirrored: Iterable[tuple[str, str]]) -> Text | None:
    """Why what `init` has just made in `root` is not kept; none where it may be.

    `before` and `lock`: the lock file's text before and after; `mirrored` as in `Ingredients`.
    """
    unknown = sorted({each.name for each in (root / DATA_FOLDER).iterdir()} - KNOWN)
    if unknown:
        return text("`{folder}` holds `{name}`, which Butai does not know", folder=DATA_FOLDER, name=unknown[0])
    locked, given = read_lock(lock), read_lock(before)
    chosen = [each for each in locked.values() if each.source not in given]
    for each in chosen:
        if (each.source, each.version) not in set(mirrored):
            return text(
                "no lock file in the repository says which version of {source} its registry is asked for",
                source=each.source,
            )
    return _unpinned(call for folder in _fetched(root) for call in _calls_in(folder))


def is_pinned(source: Any, version: Any = None) -> bool:
    """Whether a module call means the same files each time: a local path, a release or a commit.

    `source` and `version` are the literal values; what has to be evaluated is not pinned.
    """
    if not isinstance(source, str):
        return False
    if source.startswith(("./", "../")):
        return True
    if _REGISTRY.fullmatch(source) and not source.startswith(_GIT_HOSTS):
        return isinstance(version, str) and bool(_EXACT.fullmatch(version))
    if source.startswith(("git::", "git@", *_GIT_HOSTS)):
        ref = parse_qs(source.partition("?")[2]).get("ref", [""])[-1]
        # Somebody can move a tag; nobody moves one that is called like a release.
        return bool(_COMMIT.fullmatch(ref) or _RELEASE.fullmatch(ref))
    return False


def _unpinned(calls: Iterable[ModuleCall]) -> Text | None:
    for call in calls:
        if not is_pinned(call.body.value("source"), call.body.value("version")):
            return text(
                "the module `{name}` ({where}) is not pinned to a release or commit", name=call.name, where=call.where
            )
    return None


def _calls(root: Root) -> list[ModuleCall]:
    return [call for module in (root, *root.children) for call in module.modules.values()]


def _calls_in(folder: Path) -> list[ModuleCall]:
    try:
        return _calls(read_root(folder))
    except NotFoundError:
        return []


def _fetched(root: Path) -> list[Path]:
    """The folders of the modules that `init` fetched, modules of modules included."""
    listed = root / DATA_FOLDER / "modules" / "modules.json"
    if not listed.exists():
        return []
    folders = [str(each["Dir"]) for each in json.loads(listed.read_text())["Modules"]]
    return [root / each for each in folders if each.startswith(DATA_FOLDER)]
