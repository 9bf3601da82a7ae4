"""A repository's commits and patches, by git as a child process.

Reading never runs anything that a repository brings along. Git gets a repository of its own, empty and without settings,
that borrows the objects of the one to be read: hooks, filters, text conversions, external diff programs, helpers that would
fetch what is missing, all of which a repository's own settings and attributes may name, are then simply not there.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from butai.errors import ButaiError, NotFoundError
from butai.git.process import end, program
from butai.history.blocks import FileDiff
from butai.history.everyone import Told
from butai.history.patches import read_names, read_patches
from butai.terraform.text import plain
from butai.text import text

PATTERNS = ("*.tf", "*.tofu", "*.tf.json", "*.tofu.json", "*.tfvars")
"""Files whose history is read, in any folder."""
ENDINGS = tuple(pattern.removeprefix("*") for pattern in PATTERNS)

_EMPTY_TREES = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
# What no setting of anybody may change about a patch is said on the command line as well.
_PATCH = (
    *("--patch", "--unified=0", "--inter-hunk-context=0", "--find-renames", "--text", "--no-prefix", "--no-color"),
    *("--no-ext-diff", "--no-textconv", "--submodule=short", "--indent-heuristic", "--diff-algorithm=myers"),
)
_COMMIT_FIELDS = (
    "%H%x00%P%x00%at%x00%an%x00%ae%x00%aN%x00%aE%x00%s%x00%(trailers:key=Co-authored-by,valueonly,separator=%x0a)"
)
_ASK_TIMEOUT_S = 30.0


class HistoryError(ButaiError):
    """Git cannot read a repository's history, and nothing more is known than what it said."""

    code, status = "history-unreadable", 502


class HistoryTimeoutError(HistoryError):
    """The list of a repository's commits was not there in time."""

    code, status = "history-timeout", 504


class NoSuchCommitError(NotFoundError):
    """The repository has no such commit."""

    code = "no-such-commit"


class Row(NamedTuple):
    """A commit that changed Terraform files. `parents` are the nearest ones before it that did, or the edge."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    edge: bool  # it was read before, and is here for its tree alone


@dataclass(frozen=True)
class Found:
    """A repository on this machine: its `.git`, its objects, and the commits at which a shallow clone ends."""

    git: Path
    objects: Path
    ends: frozenset[str]


def find(repository: Path) -> Found | None:
    """The repository that a folder belongs to, bare or not; None where there is no git. Raises HistoryError."""
    folder = repository.resolve()
    places = (place for each in (folder, *folder.parents) for place in (each / ".git", each))
    # Where git is told its folder, it does not ask whose it is: nothing of that folder's settings will be used.
    git = next((place for place in places if _is_git(place)), None)
    if git is None or not folder.is_dir():
        return None
    done = _ask(git, "rev-parse", "--git-common-dir")
    if b"not a git repository" in done.stderr:
        return None
    if done.returncode:
        raise _failure(repository, done.stderr)
    common = (git.parent / os.fsdecode(done.stdout.removesuffix(b"\n"))).resolve()
    shallow = common / "shallow"
    return Found(git, common / "objects", frozenset(shallow.read_text().split()) if shallow.is_file() else frozenset())


def _is_git(place: Path) -> bool:
    """Whether it is `.git`, a folder or a file that leads to one, or a bare repository."""
    try:
        is_bare = (place / "HEAD").is_file() and (place / "objects").is_dir()
        return is_bare or (place.name == ".git" and place.exists())
    except PermissionError:
        return False


def resolve(found: Found, commit: str) -> str:
    """The whole hash of a commit, a branch, a tag or `HEAD`. Raises NoSuchCommitError."""
    name = f"{commit}^{{commit}}"
    done = _ask(found.git, "rev-parse", "--verify", "--quiet", "--end-of-options", name)
    if done.returncode:
        shown = plain(str(found.git))
        raise NoSuchCommitError(
            text("The repository {repository} has no commit `{ref}`.", repository=shown, ref=plain(commit))
        )
    return done.stdout.decode().strip()


class Objects:
    """Git on the objects of one repository, and on nothing else of it. A context manager; all of it ends in `limit_s`."""

    def __init__(self, repository: Path, found: Found, head: str, limit_s: float) -> None:
        self.repository, self.head = repository, head
        self._found = found
        self._until = time.monotonic() + limit_s
        self._folder = tempfile.TemporaryDirectory(prefix="butai-history-")

    def __enter__(self) -> Objects:
        folder = Path(self._folder.name)
        (folder / "refs").mkdir()
        (folder / "HEAD").write_text("ref: refs/heads/none\n")
        sha256 = "\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n"
        version = sha256 if len(self.head) == 64 else "\trepositoryformatversion = 0\n"
        (folder / "config").write_text(f"[core]\n\tbare = true\n{version}")
        if self._found.ends:
            (folder / "shallow").write_text("".join(f"{each}\n" for each in sorted(self._found.ends)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def graph(self, since: str | None = None) -> list[Row]:
        """The commits that changed Terraform files, newest first, children before parents; those after `since` alone."""
        limits = ["--boundary", f"^{since}"] if since else []
        rows = []
        with self._run(
            "log", "--full-history", "--topo-order", "--parents", "--format=%m %H %T %P", self.head, *limits, paths=True
        ) as out:
            for line in out:
                mark, sha, tree, *parents = line.decode().split()
                rows.append(Row(sha, tree, tuple(parents), mark == "-"))
        return rows

    def told(self, since: str | None = None) -> Iterator[Told]:
        """Every commit of the repository, whatever it changed, newest first; those after `since` alone."""
        arguments = ["-c", f"mailmap.blob={self.head}:.mailmap", "log", "-z", f"--format={_COMMIT_FIELDS}"]
        with self._run(*arguments, "--encoding=UTF-8", self.head, *([f"^{since}"] if since else [])) as out:
            fields = (piece.decode(errors="replace") for piece in _pieces(out))
            for sha, parents, at, *names, subject, others in zip(*[fields] * 9, strict=False):
                raw, author = (names[0], names[1]), (names[2], names[3])
                yield Told(sha, " " in parents, int(at or 0), raw, author, subject, tuple(others.splitlines()))

    def names(self, pairs: Sequence[tuple[str, str]]) -> Iterator[set[str]]:
        """For each pair of trees the Terraform files that differ."""
        if not pairs:
            return
        arguments = ("diff-tree", "--stdin", "-r", "-z", "--name-only", "--no-renames")
        with self._run(*arguments, feed=pairs, paths=True) as out:
            yield from read_names(_pieces(out))

    def patches(self, pairs: Iterable[tuple[str, str]]) -> Iterator[list[FileDiff]]:
        """For each pair of trees what differs in Terraform files."""
        more = (self.empty_tree, self.empty_tree)
        with self._run("diff-tree", "--stdin", "-r", *_PATCH, feed=[*pairs, more], paths=True) as out:
            yield from read_patches(out)

    def contents(self) -> dict[str, str]:
        """The files of the newest commit and what git calls their contents."""
        with self._run("ls-tree", "-r", "-z", "--full-tree", self.head) as out:
            entries = (piece.decode(errors="replace").partition("\t") for piece in _pieces(out))
            return {path: about.split()[2] for about, _, path in entries if about.split()[1] == "blob"}

    def blob(self, name: str) -> bytes:
        """A content, at most 5 MB of it."""
        with self._run("cat-file", "blob", name) as out:
            content = out.read(5_000_000)
            out.read()
        return content

    def tree(self, commit: str) -> str:
        """What git calls the folder of a commit."""
        with self._run("rev-parse", f"{commit}^{{tree}}") as out:
            return out.read().decode().strip()

    def has_before(self, since: str) -> bool:
        """Whether a commit is there and comes before the newest one."""
        arguments = [program(), "merge-base", "--is-ancestor", since, self.head]
        done = subprocess.run(
            arguments, env=self._environment(), capture_output=True, check=False, timeout=_ASK_TIMEOUT_S
        )
        return done.returncode == 0

    @property
    def empty_tree(self) -> str:
        """The tree without files, as a first commit's parent."""
        return _EMPTY_TREES[len(self.head)]

    def _environment(self) -> dict[str, str]:
        return {
            **_environment(),
            "GIT_DIR": self._folder.name,
            "GIT_OBJECT_DIRECTORY": str(self._found.objects),
        }

    @contextmanager
    def _run(self, *arguments: str, feed: Iterable[tuple[str, str]] = (), paths: bool = False) -> Iterator[IO[bytes]]:
        """Git's output while it runs. Raises HistoryTimeoutError and HistoryError at the end."""
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            raise _too_late(self.repository)
        command = [program(), "--no-pager", "--no-replace-objects", *arguments, *(["--", *PATTERNS] if paths else [])]
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
            # From a file: nobody has to write while another reads.
            stdin.writelines(f"{old} {new}\n".encode() for old, new in feed)
            stdin.seek(0)
            process = subprocess.Popen(
                command,
                env=self._environment(),
                cwd=self._folder.name,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
            assert process.stdout
            out_of_time = threading.Event()
            timer = threading.Timer(left_s, lambda: _stop(process, out_of_time))
            timer.start()
            try:
                yield process.stdout
                process.wait()
            finally:
                timer.cancel()
                end(process)
            if out_of_time.is_set():
                raise _too_late(self.repository)
            if process.returncode:
                stderr.seek(0)
                raise _failure(self.repository, stderr.read(20_000))


def _stop(process: subprocess.Popen[bytes], out_of_time: threading.Event) -> None:
    if process.poll() is None:
        out_of_time.set()
        process.kill()


def _environment() -> dict[str, str]:
    """Nothing of ours that could point git at another repository, nobody's settings, and no way to any host."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "XDG_CONFIG_HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }


def _ask(git: Path, *question: str) -> subprocess.CompletedProcess[bytes]:
    """A question about where things are, which alone needs the repository's own settings, and runs none of them."""
    try:
        return subprocess.run(
            [program(), "--no-pager", "-c", "core.hooksPath=/dev/null", f"--git-dir={git}", *question],
            cwd=git.parent,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_ASK_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as late:
        raise _too_late(git) from late


def _pieces(out: IO[bytes]) -> Iterator[bytes]:
    left = b""
    while chunk := out.read(1 << 16):
        *whole, left = (left + chunk).split(b"\0")
        yield from whole
    if left:
        yield left


def _too_late(repository: Path) -> HistoryTimeoutError:
    return HistoryTimeoutError(
        text("Git did not list the commits of {repository} in time.", repository=plain(str(repository))),
        next=text("Try again when the machine is less busy."),
    )


def _failure(repository: Path, said: bytes) -> HistoryError:
    lines = [line for line in plain(said.decode(errors="replace")).splitlines() if line.strip()]
    why = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
    return HistoryError(
        text("Git cannot read the history of {repository}.", repository=plain(str(repository))),
        why=text("Git says: {why}", why=why),
        next=text("`git fsck` says what is missing. A partial clone has no old files: fetch a whole one."),
    )
