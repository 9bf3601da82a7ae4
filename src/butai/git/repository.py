"""Repositories, read with the user's own credentials: mirror clones, refs, single files, whole trees.

Nothing that a person or a repository names can become an option or a program: locations and refs are checked, argument
lists end their options, and only known transports may be used.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from butai.datafolder import FolderLock
from butai.errors import NotFoundError, did_you_mean
from butai.git.locations import LocationError, check_location, check_ref, is_commit, is_url, redact
from butai.git.process import (
    GitTimeoutError,
    NoSuchRefError,
    NoSuchRepositoryError,
    end,
    environment,
    failure,
    program,
)
from butai.git.refs import Branch, parse_branches
from butai.terraform.text import plain
from butai.text import text

FETCH_TIMEOUT_S = 300.0
READ_TIMEOUT_S = 60.0
LOCK_TIMEOUT_S = 330.0
LOOK_EVERY_S = 0.05

# Branches and tags alone: `refs/pull/*` of a busy host would be most of what is fetched.
REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
FETCH_OPTIONS = (
    "--quiet",
    "--prune",
    "--force",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    # Environments keep their commits: what no branch holds any more must not be thrown away.
    "--no-auto-gc",
)


class Repositories:
    """The mirror clones in one folder, one per location."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def at(self, location: str) -> Repository:
        """The repository at a URL or an absolute path. Nothing is fetched yet. Raises LocationError."""
        return Repository(check_location(location), self.folder / sha256(location.encode()).hexdigest()[:32])


@dataclass(frozen=True)
class Repository:
    """One repository and its mirror. Reading uses the mirror alone; `fetch` brings it up to date."""

    location: str
    folder: Path

    def fetch(self, *, max_age_s: float = 0.0) -> None:
        """Bring the mirror up to date, unless that was done less than `max_age_s` seconds ago.

        Raises NoSuchRepositoryError, NoAccessError, UnreachableError, GitTimeoutError or GitError; the mirror then
        stays as it was.
        """
        asked_at = time.time()
        with self._locked():
            # Whoever waited for another's fetch of the same moment has what it wanted.
            if self.fetched_at() >= asked_at - max_age_s:
                return
            self._refuse_missing_path()
            if not (self.folder / "HEAD").exists():
                self._initialise()
            began = time.time()
            # Two questions to a server that may be far away: beside each other.
            with ThreadPoolExecutor(1) as beside:
                head = beside.submit(self._head_there)
                self._run(
                    "fetch", *FETCH_OPTIONS, "--end-of-options", self.location, *REFSPECS, timeout_s=FETCH_TIMEOUT_S
                )
                name = head.result()
            if name and (self.folder / "HEAD").read_text() != f"ref: {name}\n":
                self._git("symbolic-ref", "HEAD", name)
            marker = self.folder / "butai-fetched"
            marker.touch()
            os.utime(marker, (began, began))

    def default_branch(self) -> str:
        """The branch that the repository itself points at, as of the last fetch."""
        name = self._git("symbolic-ref", "--quiet", "--short", "HEAD").strip()
        if self._commit(f"refs/heads/{name}"):
            return name
        branches = [branch.name for branch in self.branches()]
        for name in ("main", "master", *branches):
            if name in branches:
                return name
        raise NoSuchRefError(
            text("The repository {repository} has no branch yet.", repository=redact(self.location)),
            next=text("Commit something first."),
        )

    def resolve(self, ref: str) -> str:
        """The commit of a branch, a tag or a commit hash (7 characters at least). Raises RefError, NoSuchRefError."""
        check_ref(ref)
        names = [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        if is_commit(ref):
            names.insert(0, ref)
        elif re.fullmatch(r"[0-9a-f]{7,64}", ref):
            names.append(ref)
        for name in names:
            if commit := self._commit(name):
                return commit
        raise self._no_such(ref)

    def _no_such(self, ref: str) -> NoSuchRefError:
        place, name = plain(redact(self.location)), plain(ref)
        if re.fullmatch(r"[0-9a-f]{7,64}", ref):
            what = text("The repository {repository} has no commit `{ref}`.", repository=place, ref=name)
            return NoSuchRefError(what, next=text("Was it pushed?"))
        what = text("The repository {repository} has no branch or tag `{ref}`.", repository=place, ref=name)
        return NoSuchRefError(what, next=did_you_mean(ref, [each.name for each in self.branches()]))

    def branches(self) -> list[Branch]:
        """All branches, the one with the newest commit first."""
        return parse_branches(
            self._git("for-each-ref", f"--format={Branch.FORMAT}", "--sort=-committerdate", "refs/heads")
        )

    def has(self, commit: str) -> bool:
        """Whether the mirror holds the commit."""
        return bool(self._commit(_checked(commit)))

    def count_between(self, old: str, new: str) -> int:
        """How many commits `new` has that `old` has not."""
        return int(self._git("rev-list", "--count", _checked(new), f"^{_checked(old)}"))

    def subject(self, commit: str) -> str:
        """The first line of a commit's message, fit to be shown."""
        return plain(self._git("show", "--no-patch", "--format=%s", _checked(commit)).strip())

    def committed_at(self, commit: str) -> datetime:
        """When a commit was made."""
        return datetime.fromtimestamp(int(self._git("show", "--no-patch", "--format=%ct", _checked(commit))), UTC)

    def tree_of(self, commit: str, path: str) -> str:
        """What a folder of a commit holds, as git's name for it; empty when there is none."""
        return self._git("rev-parse", "--verify", "--quiet", f"{_checked(commit)}:{path}", check=False).strip()

    def read(self, commit: str, path: str) -> bytes:
        """One file of a commit. Raises NotFoundError."""
        done = self._run("cat-file", "blob", f"{_checked(commit)}:{path}", timeout_s=READ_TIMEOUT_S, check=False)
        if done.returncode:
            raise NotFoundError(
                text(
                    "There is no {path} at {commit} of {repository}.",
                    path=plain(path),
                    commit=commit[:7],
                    repository=plain(redact(self.location)),
                )
            )
        return done.stdout

    def paths(self, commit: str) -> list[str]:
        """Every file of a commit, as far as its name is text."""
        told = self._run(
            "ls-tree", "-r", "-z", "--name-only", "--full-tree", _checked(commit), timeout_s=READ_TIMEOUT_S
        )
        return told.stdout.decode(errors="replace").split("\0")[:-1]

    def list_tree(self, commit: str) -> bytes:
        """`git ls-tree -r -l -z` of a commit."""
        return self._run("ls-tree", "-r", "-l", "-z", "--full-tree", _checked(commit), timeout_s=READ_TIMEOUT_S).stdout

    @contextmanager
    def blobs(self) -> Iterator[subprocess.Popen[bytes]]:
        """A running `git cat-file --batch`: names go in, contents come out."""
        process = self._start(("cat-file", "--batch"), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            end(process)

    def _refuse_missing_path(self) -> None:
        if is_url(self.location) and not self.location.startswith("file://"):
            return
        path = Path(self.location.removeprefix("file://"))
        # git finds `web.git` where `web` is asked for, as hosts of repositories do.
        if not path.is_dir() and not path.with_name(f"{path.name}.git").is_dir():
            raise NoSuchRepositoryError(
                text("There is no folder {path}.", path=plain(str(path))), next=text("Check the path.")
            )

    def _initialise(self) -> None:
        # Made beside its place and moved there whole: a mirror that was broken off half-way is none.
        fresh = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        git = [program(), "init", "--quiet", "--bare", "--template=", "--", str(fresh)]
        subprocess.run(git, check=True, env=environment(os.environ), stdin=subprocess.DEVNULL, timeout=READ_TIMEOUT_S)
        fresh.rename(self.folder)

    def _head_there(self) -> str:
        """The branch that the repository itself points at; nothing where it points at none."""
        answer = self._git(
            "ls-remote", "--symref", "--end-of-options", self.location, "HEAD", timeout_s=FETCH_TIMEOUT_S
        )
        found = re.search(r"^ref: (refs/heads/\S+)\tHEAD$", answer, re.M)
        return found[1] if found else ""

    def _commit(self, name: str) -> str:
        if not (self.folder / "HEAD").exists():
            return ""
        return self._git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", check=False
        ).strip()

    def fetched_at(self) -> float:
        """When the mirror was last brought up to date; 0 for never."""
        marker = self.folder / "butai-fetched"
        return marker.stat().st_mtime if marker.exists() else 0.0

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(self.folder.with_name(f"{self.folder.name}.lock"))
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        try:
            while not lock.try_take():
                if time.monotonic() > deadline:
                    raise GitTimeoutError(
                        text("Another fetch of {repository} does not end.", repository=redact(self.location))
                    )
                time.sleep(LOOK_EVERY_S)
            yield
        finally:
            lock.release()

    def _git(self, *arguments: str, timeout_s: float = READ_TIMEOUT_S, check: bool = True) -> str:
        return self._run(*arguments, timeout_s=timeout_s, check=check).stdout.decode(errors="replace")

    def _run(self, *arguments: str, timeout_s: float, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        process = self._start(arguments, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            out, error = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as late:
            raise GitTimeoutError(
                text(
                    "Git did not end within {seconds} seconds: {repository}.",
                    seconds=f"{timeout_s:.0f}",
                    repository=redact(self.location),
                ),
                next=text("Check that `git ls-remote {repository}` answers.", repository=redact(self.location)),
            ) from late
        finally:
            end(process)
        if check and process.returncode:
            raise failure(self.location, error.decode(errors="replace"))
        return subprocess.CompletedProcess(arguments, process.returncode, out, error)

    def _start(self, arguments: tuple[str, ...], *, stdin: int, stderr: int) -> subprocess.Popen[bytes]:
        # Hooks and replaced objects are a repository's own affair. A session of its own: a transport's helpers
        # (ssh, git-remote-https) end together with git.
        git = [program(), "-c", "core.hooksPath=/dev/null", "--no-replace-objects", f"--git-dir={self.folder}"]
        return subprocess.Popen(
            [*git, *arguments],
            env=environment(os.environ),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )


def top_folder(path: Path) -> Path | None:
    """The repository that a folder of this machine belongs to: its top folder, or itself when bare; None for none."""
    git = [program(), "-C", str(path), "rev-parse"]
    options = {"env": environment(os.environ), "stdin": subprocess.DEVNULL, "timeout": READ_TIMEOUT_S}
    for question in ("--show-toplevel", "--absolute-git-dir"):
        done = subprocess.run([*git, question], capture_output=True, check=False, **options)  # type: ignore[call-overload]
        if done.returncode == 0 and done.stdout.strip():
            return Path(done.stdout.decode().rstrip("\n"))
    return None


def located(path_or_url: str) -> tuple[str, str, Path | None]:
    """Where a repository is, the folder below its top that was pointed at, and its working tree if it is here.

    Raises LocationError.
    """
    if is_url(path_or_url):
        return path_or_url, "", None
    path = Path(path_or_url)
    if not path.is_absolute():
        raise LocationError(
            text("`{given}` is no absolute path and no URL.", given=path_or_url), next=text("Give the whole path.")
        )
    top = top_folder(path) if path.is_dir() else None
    if top is None:
        # Said by the fetch, in the words of git.
        return str(path), "", None
    below = path.resolve().relative_to(top) if path.resolve().is_relative_to(top) else Path()
    return str(top), "" if below == Path() else below.as_posix(), top


def _checked(commit: str) -> str:
    if not is_commit(commit):
        raise ValueError(f"not a whole commit hash: {commit!r}")
    return commit
