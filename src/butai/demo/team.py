"""The example team's git repositories: bare, with the branches and the history of a small team."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from butai.demo import history
from butai.demo.history import MAIN, Commit
from butai.errors import ButaiError, MissingPartError

GIT_TIMEOUT_S = 60


@dataclass(frozen=True)
class TeamRepositories:
    """Where the team's repositories lie: `<name>.git`, side by side, as `butai.yaml` expects them."""

    folder: Path

    @property
    def infra(self) -> Path:
        """The Terraform roots `base` and `staging`."""
        return self.folder / "ivr-infra.git"

    @property
    def web(self) -> Path:
        """The pages."""
        return self.folder / "ivr-web.git"

    @property
    def api(self) -> Path:
        """The api."""
        return self.folder / "ivr-api.git"

    @property
    def worker(self) -> Path:
        """The worker that counts calls."""
        return self.folder / "ivr-worker.git"


def examples_folder() -> Path:
    """The folder `examples` of the checkout that this package runs from. Raises MissingPartError for an installed one."""
    folder = Path(__file__).resolve().parents[3] / "examples"
    if not (folder / "ivr" / history.FILE_NAME).is_file():
        raise MissingPartError(
            f"The example team is not in {folder}.",
            why="It lies in Butai's repository beside the package, and is not installed with it.",
            next="Run the demo from a checkout of Butai: `make demo`.",
        )
    return folder


def make_team(examples: Path, target: Path) -> TeamRepositories:
    """Make what is missing of the repositories, below `target`; `examples` holds `ivr/`.

    The same files give the same commits. A repository that is there already is left alone: people may have committed.
    """
    target.mkdir(parents=True, exist_ok=True)
    for name, commits in history.read(examples / "ivr").items():
        place = target / f"{name}.git"
        if not _complete(place):
            _make(place, commits)
    return TeamRepositories(target)


def _complete(repository: Path) -> bool:
    if not repository.exists():
        return False
    return _git("--git-dir", str(repository), "rev-parse", "--verify", "--quiet", f"{MAIN}^{{commit}}").returncode == 0


def _make(place: Path, commits: Iterable[Commit]) -> None:
    """Build it beside its place and rename it when it is whole."""
    for left_over in place.parent.glob(f".{place.name}-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        _must(_git("init", "--quiet", "--bare", f"--initial-branch={MAIN}", "--template=", str(partial)))
        _must(_git("--git-dir", str(partial), "fast-import", "--quiet", "--date-format=raw", data=_stream(commits)))
        shutil.rmtree(place, ignore_errors=True)
        partial.chmod(0o755)
        partial.rename(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _stream(commits: Iterable[Commit]) -> bytes:
    """The commits in the language of `git fast-import`: no work tree is needed, and no time but theirs gets in."""
    lines: list[bytes] = []
    begun: set[str] = set()
    for commit in commits:
        who = f"{commit.author} {int(commit.at.timestamp())} {commit.at:%z}"
        lines.append(f"commit refs/heads/{commit.branch}\nauthor {who}\ncommitter {who}\n".encode())
        lines.append(_data(commit.message))
        if commit.branch not in begun and commit.branch != MAIN:
            lines.append(f"from refs/heads/{MAIN}\n".encode())
        lines.append(b"deleteall\n")
        lines += [f"M 100644 inline {path}\n".encode() + _data(text) for path, text in sorted(commit.tree.items())]
        begun.add(commit.branch)
    return b"".join(lines)


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%s\n" % (len(content), content)


def _git(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """git without anybody's settings, which could sign, hook or rename."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "LC_ALL": "C"}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    try:
        return subprocess.run(
            ["git", *arguments], input=data, env=env, capture_output=True, timeout=GIT_TIMEOUT_S, check=False
        )
    except FileNotFoundError as error:
        raise MissingPartError("git is not on PATH.", next="Install git, then start again.") from error


def _must(done: subprocess.CompletedProcess[bytes]) -> None:
    if done.returncode != 0:
        raise ButaiError(
            "git could not make the example team's repositories.",
            why=done.stderr.decode(errors="replace").strip(),
            code="example-team-failed",
        )
