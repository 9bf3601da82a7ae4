"""Prepared folders: what `init` made, kept for the runs that would have it made the same way.

    KEY/terraform/     the root's `.terraform`: modules, links to providers, the backend's file
    KEY/lock.hcl       the lock file, where there is one
    KEY/entry.json     SHA-256 of every file but the providers', which the lock file names
    KEY/used           its time is that of the last use
    KEY                or a link to another KEY: the same folder with the lock file that `init` itself wrote
    .new-*, .gone-*    not there yet, not there any more

A folder is used under a shared lock on it, and taken away under an exclusive one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path, PurePath

from butai.datafolder import write_json
from butai.terraform.foldercopy import copy_file, copy_folder
from butai.terraform.packages import LOCK_FILE, PackageHashes, package_folder, read_lock
from butai.terraform.prepared_key import DATA_FOLDER
from butai.text import Text, text

NEW, GONE = ".new-", ".gone-"
DAY_S = 24 * 3600.0
MIB = 1 << 20
_OWN = ("entry.json", "used")


@dataclass(frozen=True)
class Use:
    """What became of a wish to use a prepared folder. `why_not`: in words, where there was one and it was not used."""

    used: bool
    checked_s: float = 0.0
    placed_s: float = 0.0
    why_not: Text | None = None


class PreparedFolders:
    """The store on one machine."""

    def __init__(self, place: Path, hashes: PackageHashes | None = None) -> None:
        """`place`: its folder, which exists. `hashes`: what is known of the provider packages of this machine."""
        self.place, self._hashes = place, hashes or PackageHashes()

    def has(self, key: str) -> bool:
        """Whether there is a folder for a key."""
        return (self.place / key).is_dir()

    def use(self, key: str, root: Path, needed: Set[str] = frozenset()) -> Use:
        """Put the prepared folder of a key into a root: `.terraform` and the lock file. Whole or not at all.

        `needed`: complete sources of providers that the state names; a folder without one of them does not do. A folder
        that is not as it was kept is taken away.
        """
        with self._held(key) as entry:
            if entry is None:
                return Use(used=False)
            started = time.monotonic()
            missing = sorted(needed - set(read_lock(_lock_of(entry))))
            if missing:
                return Use(used=False, why_not=text("the state needs {source} too", source=missing[0]))
            broken = self._broken(entry)
            if broken is None:
                return _place(entry, root, time.monotonic() - started)
        self._take_away(entry)
        return Use(used=False, why_not=broken)

    def keep(self, key: str, also: str, root: Path) -> bool:
        """Keep what `init` made in a root under a key, and under another one too. False: somebody else had done it.

        Raises OSError where it cannot be written; then nothing is there.
        """
        if self.has(key):
            return False
        new = Path(tempfile.mkdtemp(dir=self.place, prefix=NEW))
        try:
            copy_folder(root / DATA_FOLDER, new / "terraform", linked=_is_providers)
            if (root / LOCK_FILE).exists():
                copy_file(root / LOCK_FILE, new / "lock.hcl")
            write_json(new / "entry.json", _digests(new))
            (new / "used").touch()
            self._forget(key)
            # Two at once: a folder with something in it is never replaced.
            new.rename(self.place / key)
        except OSError:
            if not self.has(key):
                raise
            return False
        finally:
            shutil.rmtree(new, ignore_errors=True)
        self._name_too(also, key)
        return True

    def collect(self, *, days: int, most_mib: int) -> int:
        """Take away what was not used for some days, then the longest unused until the rest is small enough; how many."""
        before = time.time() - days * DAY_S
        self._sweep()
        entries = sorted(self._entries(), key=_used_at)
        old = [each for each in entries if _used_at(each) < before]
        sizes = {each: _mib(each) for each in entries if each not in old}
        removed = sum(self._take_away(each) for each in old)
        while sizes and sum(sizes.values()) > most_mib:
            oldest = next(iter(sizes))
            del sizes[oldest]
            removed += self._take_away(oldest)
        self._sweep()
        return removed

    @contextlib.contextmanager
    def _held(self, key: str) -> Iterator[Path | None]:
        """The folder of a key, which nobody takes away meanwhile; none where there is none."""
        entry = (self.place / key).resolve()
        try:
            handle = os.open(entry, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            yield None
            return
        try:
            yield entry if _locked(handle, fcntl.LOCK_SH) and _is_same(handle, entry) else None
        finally:
            os.close(handle)

    def _broken(self, entry: Path) -> Text | None:
        """What is wrong with a folder; none where it is as it was kept, and its providers are what the lock file says."""
        try:
            if json.loads((entry / "entry.json").read_text()) != _digests(entry):
                return text("its files are not as they were kept")
        except (OSError, ValueError):
            return text("its files are not as they were kept")
        for locked in read_lock(_lock_of(entry)).values():
            package = package_folder(entry / "terraform", locked)
            if not package.is_dir():
                return text("the package of {source} {version} is gone", source=locked.source, version=locked.version)
            if not self._hashes.agree(package, locked):
                return text(
                    "the package of {source} {version} is not the one that the lock file names",
                    source=locked.source,
                    version=locked.version,
                )
        return None

    def _take_away(self, entry: Path) -> bool:
        """Out of sight first, then deleted; not while somebody uses it."""
        with contextlib.suppress(OSError):
            handle = os.open(entry, os.O_RDONLY | os.O_DIRECTORY)
            try:
                if not (_locked(handle, fcntl.LOCK_EX | fcntl.LOCK_NB) and _is_same(handle, entry)):
                    return False
                gone = Path(tempfile.mkdtemp(dir=self.place, prefix=GONE))
                entry.rename(gone / entry.name)
            finally:
                os.close(handle)
            shutil.rmtree(gone, ignore_errors=True)
            return True
        return False

    def _name_too(self, also: str, key: str) -> None:
        self._forget(also)
        with contextlib.suppress(FileExistsError):
            (self.place / also).symlink_to(key)

    def _forget(self, name: str) -> None:
        """A link to a folder that is gone."""
        link = self.place / name
        if link.is_symlink() and not link.exists():
            link.unlink(missing_ok=True)

    def _entries(self) -> list[Path]:
        return [
            each for each in self.place.iterdir() if each.is_dir() and not each.is_symlink() and each.name[0] != "."
        ]

    def _sweep(self) -> None:
        """What a death in the middle of something left, and names of what is gone."""
        for each in self.place.iterdir():
            self._forget(each.name)
            if each.name.startswith(GONE) or (each.name.startswith(NEW) and _age_s(each) > DAY_S):
                shutil.rmtree(each, ignore_errors=True)


def _place(entry: Path, root: Path, checked_s: float) -> Use:
    started = time.monotonic()
    data_folder = root / DATA_FOLDER
    try:
        copy_folder(entry / "terraform", data_folder, linked=_is_providers)
        if (entry / "lock.hcl").exists():
            (root / LOCK_FILE).unlink(missing_ok=True)
            copy_file(entry / "lock.hcl", root / LOCK_FILE)
    except OSError as error:
        shutil.rmtree(data_folder, ignore_errors=True)
        return Use(used=False, why_not=text("it could not be copied ({problem})", problem=error.strerror or str(error)))
    with contextlib.suppress(OSError):
        os.utime(entry / "used")
    return Use(used=True, checked_s=checked_s, placed_s=time.monotonic() - started)


def _is_providers(name: PurePath) -> bool:
    """Nobody writes to a provider's package; into a module's folder a root may write (`archive_file`)."""
    return name.parts[0] == "providers"


def _digests(entry: Path) -> dict[str, str]:
    """SHA-256 of the files, and where the links lead; without what is in packages, which have hashes of their own."""
    found = {}
    for place, folders, files in os.walk(entry):
        for path in (Path(place) / name for name in [*folders, *files]):
            shown = str(path.relative_to(entry))
            if path.is_symlink():
                found[shown] = f"-> {path.readlink()}"
            elif path.is_file() and shown not in _OWN and not shown.startswith("terraform/providers/"):
                found[shown] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _lock_of(entry: Path) -> str:
    path = entry / "lock.hcl"
    return path.read_text(errors="replace") if path.exists() else ""


def _locked(handle: int, how: int) -> bool:
    """Lock what was opened; false where somebody has it, or where the file system knows no locks: then it is not used."""
    try:
        fcntl.flock(handle, how)
    except OSError:
        return False
    return True


def _is_same(handle: int, path: Path) -> bool:
    """Whether what was opened is still at its path."""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False


def _used_at(entry: Path) -> float:
    with contextlib.suppress(OSError):
        return (entry / "used").stat().st_mtime
    return 0.0


def _age_s(path: Path) -> float:
    with contextlib.suppress(OSError):
        return time.time() - path.stat().st_mtime
    return 0.0


def _mib(entry: Path) -> float:
    """What a folder takes on disk, where nothing else has the same files."""
    found: dict[int, int] = {}
    for place, _, files in os.walk(entry):
        for name in files:
            with contextlib.suppress(OSError):
                seen = (Path(place) / name).lstat()
                found[seen.st_ino] = seen.st_blocks * 512
    return sum(found.values()) / MIB
