"""Provider packages on this disk: what a lock file says of them, and whether they are what it says."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from butai.datafolder import write_json
from butai.terraform.hcl_syntax import parse_hcl
from butai.terraform.machine import this_platform
from butai.terraform.providers import Mirrors, Requirement
from butai.terraform.versions import satisfies, version_key

LOCK_FILE = ".terraform.lock.hcl"
H1 = "h1:"


@dataclass(frozen=True)
class Locked:
    """One provider of a lock file. `source` is complete; `hashes` as they stand there (`h1:`, `zh:`)."""

    source: str
    version: str
    hashes: frozenset[str]


@dataclass(frozen=True)
class ProviderBinary:
    """A provider's executable file on this disk; `digest` is the `h1:` hash of the package it is in."""

    source: str
    version: str
    path: Path
    digest: str


def read_lock(content: str) -> dict[str, Locked]:
    """The providers of a lock file by source; of a file that cannot be read, those that can."""
    blocks = parse_hcl(content.encode(), LOCK_FILE).body.of_type("provider")
    found = [
        Locked(block.labels[0].lower(), block.value("version", ""), frozenset(_texts(block.value("hashes", []))))
        for block in blocks
        if len(block.labels) == 1 and isinstance(block.value("version", ""), str)
    ]
    return {each.source: each for each in found}


def package_folder(data_folder: Path, locked: Locked) -> Path:
    """Where `init` puts this package below the root's `.terraform`: a folder, or a link to one."""
    return data_folder / "providers" / locked.source / locked.version / this_platform()


def dirhash(folder: Path) -> str:
    """The `h1:` hash of an unpacked package, as lock files have it (Go's sumdb dirhash, Hash1). Raises OSError."""
    whole = hashlib.sha256()
    for name, path in _files(folder):
        with path.open("rb") as file:
            whole.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n".encode())
    return H1 + base64.b64encode(whole.digest()).decode()


class PackageHashes:
    """The `h1:` hashes of packages, remembered: a provider is 700 MB, which takes seconds to read.

    A package whose files have the same names, sizes, times and inodes as before is taken to be the same.
    """

    def __init__(self, remembered: Path | None = None) -> None:
        """`remembered`: the file to keep them in, whose folder is made; none: each is read every time."""
        self._remembered, self._one_at_a_time = remembered, threading.Lock()

    def of(self, folder: Path) -> str:
        """The hash of a package. Raises OSError where it cannot be read."""
        # Several runs that begin at once: one reads the provider, the others wait for what it finds.
        with self._one_at_a_time:
            return self._of(folder)

    def _of(self, folder: Path) -> str:
        real = folder.resolve(strict=True)
        marks = [_mark(name, path) for name, path in _files(real)]
        known = self._read().get(str(real), {})
        if known.get("files") == marks:
            return str(known["hash"])
        found = dirhash(real)
        self._remember(str(real), {"files": marks, "hash": found})
        return found

    def agree(self, folder: Path, locked: Locked) -> bool:
        """Whether the package is one that the lock file names. One that has only hashes of archives cannot be told."""
        try:
            return any(each.startswith(H1) for each in locked.hashes) and self.of(folder) in locked.hashes
        except OSError:
            return False

    def _read(self) -> dict[str, dict[str, object]]:
        try:
            raw = json.loads(self._remembered.read_text()) if self._remembered else {}
        except (OSError, ValueError):
            return {}
        return raw if isinstance(raw, dict) else {}

    def _remember(self, folder: str, facts: dict[str, object]) -> None:
        if self._remembered is None:
            return
        kept = {path: each for path, each in self._read().items() if Path(path).is_dir()}
        # Not to be able to keep it costs time only.
        with contextlib.suppress(OSError):
            self._remembered.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._remembered, {**kept, folder: facts})


def find_binary(
    required: Requirement, lock: str, mirrors: Mirrors, hashes: PackageHashes, data_folder: Path | None = None
) -> ProviderBinary | None:
    """The executable that an engine would start for a provider; none where that cannot be told for certain.

    With a lock file it is the locked version, in `data_folder` (a root's `.terraform`) or unpacked in a mirror, and only
    where the package has the locked hash. Without one it is the newest unpacked version in a mirror that the constraint
    takes, which is what `init` chooses.
    """
    locked = read_lock(lock).get(required.source)
    if lock and locked is None:
        return None
    for version, folder in _candidates(required, locked, mirrors, data_folder):
        if locked is None or hashes.agree(folder, locked):
            return _binary(required.source, version, folder, hashes)
    return None


def _candidates(
    required: Requirement, locked: Locked | None, mirrors: Mirrors, data_folder: Path | None
) -> Iterator[tuple[str, Path]]:
    if locked and data_folder:
        yield locked.version, package_folder(data_folder, locked)
    held = [each for each in mirrors.packages if each.source == required.source]
    fitting = {each.version for each in held if _fits(each.version, required, locked)}
    for version in sorted(fitting, key=version_key, reverse=True)[:1]:
        # What no mirror has unpacked ends the search: an older version is not what the engine would take.
        for each in held:
            if each.version == version:
                yield version, each.mirror / each.source / version / this_platform()


def _fits(version: str, required: Requirement, locked: Locked | None) -> bool:
    with contextlib.suppress(ValueError):
        return version == locked.version if locked else satisfies(version, required.constraint)
    return False


def _binary(source: str, version: str, folder: Path, hashes: PackageHashes) -> ProviderBinary | None:
    kind = source.rpartition("/")[2]
    try:
        named = sorted(each for each in folder.iterdir() if each.name.startswith(f"terraform-provider-{kind}"))
        found = next(each for each in named if each.is_file() and os.access(each, os.X_OK))
        return ProviderBinary(source, version, found.resolve(strict=True), hashes.of(folder))
    except (OSError, StopIteration):
        return None


def _files(folder: Path) -> list[tuple[str, Path]]:
    """Every file below, by its name relative to the folder, in the order in which Go sorts names."""
    real = folder.resolve(strict=True)
    found = [Path(place) / name for place, _, names in os.walk(real, onerror=_raise) for name in names]
    return sorted(((path.relative_to(real).as_posix(), path) for path in found), key=lambda each: each[0].encode())


def _mark(name: str, path: Path) -> list[str | int]:
    seen = path.stat()
    return [name, seen.st_size, seen.st_mtime_ns, seen.st_ino]


def _raise(error: OSError) -> None:
    raise error


def _texts(values: object) -> Iterator[str]:
    yield from (each for each in (values if isinstance(values, Iterable) else []) if isinstance(each, str))
