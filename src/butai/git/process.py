"""Git as a child process: its environment, its errors, its end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping

from butai.errors import ButaiError, MissingPartError, NotFoundError, RefusedError
from butai.git.locations import SCHEMES, redact
from butai.terraform.text import plain
from butai.text import text

# Set by git hooks and by people who work on a repository: here they would point git at another one.
REPOSITORY_VARIABLES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
)


class GitError(ButaiError):
    """Git failed, and nothing more is known than what it said."""

    code, status = "git-failed", 502


class NoSuchRepositoryError(NotFoundError):
    """There is no repository at that place, or none that this user may see."""

    code = "no-such-repository"


class NoSuchRefError(NotFoundError):
    """The repository has no such branch, tag or commit."""

    code = "no-such-ref"


class NoAccessError(RefusedError):
    """The host wants credentials that git did not find, or refuses those it found."""

    code = "no-access"


class UnreachableError(GitError):
    """The host did not answer."""

    code, status = "git-host-unreachable", 504


class GitTimeoutError(GitError):
    """Git did not end in time."""

    code, status = "git-timeout", 504


# Git has one exit status (128) for all of this, and no machine-readable reason: its own untranslated words (LC_ALL=C)
# are the only source there is. What is not recognised stays a plain GitError with those words.
_REASONS: tuple[tuple[type[ButaiError], re.Pattern[str], str, str], ...] = (
    (
        UnreachableError,
        re.compile(r"could not resolve host|failed to connect|couldn't connect|connection (refused|timed out|reset|closed)"
                   r"|network is unreachable|no route to host|unable to connect|operation timed out", re.I),
        text("The host does not answer."),
        text("Check its name, the network and the proxy: `git ls-remote {location}` must work as this user."),
    ),
    (
        NoAccessError,
        re.compile(r"authentication failed|could not read (username|password)|permission denied|returned error: 40[13]"
                   r"|host key verification failed|access denied|dubious ownership", re.I),
        text("The repository does not exist, or this user may not read it."),
        text("Make `git ls-remote {location}` work without a question: ssh key in the agent, or git's credential helper."),
    ),
    (
        NoSuchRepositoryError,
        re.compile(r"not found|returned error: 404|does not exist|does not appear to be a git repository"
                   r"|not a git repository", re.I),
        text("There is no git repository."),
        text("Check the address."),
    ),
)  # fmt: skip


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Git's environment: the user's own, so that credentials are found; no question asked, no other repository."""
    kept = {name: value for name, value in environ.items() if name not in REPOSITORY_VARIABLES}
    ssh = {} if "GIT_SSH" in kept else {"GIT_SSH_COMMAND": kept.get("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")}
    return {
        **kept,
        **ssh,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": ":".join(SCHEMES),
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "LC_ALL": "C",
    }


def program() -> str:
    found = shutil.which("git")
    if found is None:
        raise MissingPartError(
            text("Git is not installed."), next=text("Install git 2.30 or newer."), code="git-missing"
        )
    return found


def end(process: subprocess.Popen[bytes]) -> None:
    """End git and whatever it started, if it still runs, and close its pipes. It must lead a session of its own."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()


def failure(location: str, said: str) -> ButaiError:
    shown = plain(redact(location))
    lines = [line for line in plain(redact(said)).splitlines() if line.strip()]
    why = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
    for kind, pattern, what, next_step in _REASONS:
        if pattern.search(said):
            said_why = text("Git says: {why}", why=why)
            shown_what = text("{what} ({location})", what=what, location=shown)
            return kind(shown_what, why=said_why, next=text(next_step, location=shown))
    return GitError(text("Git cannot read {shown}.", shown=shown), why=text("Git says: {why}", why=why))
