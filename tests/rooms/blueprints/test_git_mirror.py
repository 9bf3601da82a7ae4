"""Mirror clones of real repositories: what is found, what is refused, what a person is told."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from butai.errors import MissingPartError, NotFoundError
from butai.git import repository as git
from butai.git.locations import LocationError, RefError
from butai.git.process import (
    GitError,
    GitTimeoutError,
    NoAccessError,
    NoSuchRefError,
    NoSuchRepositoryError,
    UnreachableError,
    environment,
)
from butai.git.refs import search
from butai.git.repository import Repositories, Repository, top_folder
from support.repository import WorkingTree


@pytest.fixture
def source(tmp_path: Path) -> WorkingTree:
    """A team's repository with two branches, three commits and a tag."""
    tree = WorkingTree(tmp_path / "ivr-web")
    tree.commit({"README.md": "web\n"}, "Start", author="Aiko Sato")
    tree.git("tag", "v1.0")
    tree.branch("blue-banner")
    tree.commit({"banner.txt": "blue\n"}, "Make the banner blue", author="Ben \x1b[31mRed")
    tree.git("switch", "--quiet", "main")
    tree.commit({"README.md": "web 2\n"}, "Second", author="Aiko Sato")
    return tree


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    return Repositories(tmp_path / "data" / "git")


@pytest.fixture
def mirror(source: WorkingTree, repositories: Repositories) -> Repository:
    repository = repositories.at(str(source.path))
    repository.fetch()
    return repository


def test_branches_newest_first(mirror: Repository, source: WorkingTree) -> None:
    main, blue = mirror.branches()
    assert (main.name, main.commit, main.author) == ("main", source.git("rev-parse", "main"), "Aiko Sato")
    assert (blue.name, blue.subject) == ("blue-banner", "Make the banner blue")
    assert main.committed_at == datetime.fromtimestamp(1_790_000_180, UTC)
    assert "\x1b" not in blue.author


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["main", "blue-banner"]),
        ("BLUE", ["blue-banner"]),
        ("aiko", ["main"]),
        ("banner ben", ["blue-banner"]),
        ("banner aiko", []),
        ("second", ["main"]),
    ],
)
def test_branches_are_found_by_name_author_and_message(mirror: Repository, text: str, names: list[str]) -> None:
    assert [branch.name for branch in search(mirror.branches(), text)] == names


def test_refs_become_commits(mirror: Repository, source: WorkingTree) -> None:
    commit = source.git("rev-parse", "main")
    assert mirror.resolve("main") == commit
    assert mirror.resolve("v1.0") == source.git("rev-parse", "v1.0")
    assert mirror.resolve(commit) == commit
    assert mirror.resolve(commit[:7]) == commit
    assert mirror.has(commit)
    assert not mirror.has("0" * 40)


def test_a_branch_named_like_a_short_commit_is_the_branch(source: WorkingTree, mirror: Repository) -> None:
    other = source.git("rev-parse", "v1.0")
    source.git("branch", source.git("rev-parse", "main")[:7], "v1.0")
    mirror.fetch()
    assert mirror.resolve(source.git("rev-parse", "main")[:7]) == other


def test_a_branch_that_is_not_there_gets_the_nearest_name(mirror: Repository) -> None:
    with pytest.raises(NoSuchRefError) as caught:
        mirror.resolve("blue-baner")
    assert caught.value.next == "Did you mean `blue-banner`?"
    with pytest.raises(NoSuchRefError, match="pushed"):
        mirror.resolve("0123abc")


@pytest.mark.parametrize("ref", ["--upload-pack=id", "main^{tree}", "main:README.md", "HEAD~1", "@{u}", "a..b", ""])
def test_what_is_no_name_never_reaches_git(mirror: Repository, ref: str) -> None:
    with pytest.raises(RefError):
        mirror.resolve(ref)


def test_fetch_follows_the_source_in_everything(source: WorkingTree, mirror: Repository) -> None:
    source.git("branch", "--delete", "--force", "blue-banner")
    source.git("reset", "--hard", "--quiet", "HEAD~1")
    source.commit({"new": "x"}, "Rewritten")
    source.git("tag", "--force", "v1.0")
    source.branch("develop")
    mirror.fetch()
    assert {branch.name for branch in mirror.branches()} == {"main", "develop"}
    assert mirror.resolve("main") == mirror.resolve("v1.0") == source.git("rev-parse", "main")
    assert mirror.default_branch() == "develop"  # what the source has checked out


def test_a_fresh_mirror_is_not_fetched_again(source: WorkingTree, mirror: Repository) -> None:
    before = mirror.resolve("main")
    source.commit({"new": "x"})
    mirror.fetch(max_age_s=600)
    assert mirror.resolve("main") == before
    mirror.fetch()
    assert mirror.resolve("main") != before


def test_many_fetches_at_once_do_not_disturb_each_other(source: WorkingTree, repositories: Repositories) -> None:
    repository = repositories.at(str(source.path))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: repository.fetch(), range(12)))
    assert repository.resolve("main") == source.git("rev-parse", "main")


def test_a_mirror_that_was_broken_off_is_made_again(source: WorkingTree, repositories: Repositories) -> None:
    repository = repositories.at(str(source.path))
    leftover = repository.folder.with_name(f"{repository.folder.name}.new")
    leftover.mkdir(parents=True)
    (leftover / "half").touch()
    repository.fetch()
    assert repository.default_branch() == "main"


def test_a_bare_repository_and_a_file_url(source: WorkingTree, repositories: Repositories, tmp_path: Path) -> None:
    source.git("clone", "--quiet", "--bare", str(source.path), str(tmp_path / "bare.git"))
    for location in (str(tmp_path / "bare.git"), f"file://{tmp_path}/bare.git"):
        repository = repositories.at(location)
        repository.fetch()
        assert repository.resolve("main") == source.git("rev-parse", "main")


def test_a_detached_source_and_an_empty_one(source: WorkingTree, repositories: Repositories, tmp_path: Path) -> None:
    source.git("switch", "--quiet", "--detach", "v1.0")
    repository = repositories.at(str(source.path))
    repository.fetch()
    assert repository.default_branch() == "main"
    WorkingTree(tmp_path / "empty")
    empty = repositories.at(str(tmp_path / "empty"))
    empty.fetch()
    with pytest.raises(NoSuchRefError, match="has no branch yet"):
        empty.default_branch()


def test_a_file_of_a_commit(mirror: Repository) -> None:
    assert mirror.read(mirror.resolve("v1.0"), "README.md") == b"web\n"
    with pytest.raises(NotFoundError, match=r"no butai\.yaml"):
        mirror.read(mirror.resolve("main"), "butai.yaml")
    with pytest.raises(ValueError, match="not a whole commit"):
        mirror.read("main", "README.md")


def test_nothing_at_that_path(repositories: Repositories, tmp_path: Path) -> None:
    with pytest.raises(NoSuchRepositoryError, match="There is no folder"):
        repositories.at(str(tmp_path / "nowhere")).fetch()
    (tmp_path / "plain").mkdir()
    with pytest.raises(NoSuchRepositoryError, match="no git repository") as caught:
        repositories.at(str(tmp_path / "plain")).fetch()
    assert "Git says: fatal:" in caught.value.why


def test_helper_programs_are_never_started(repositories: Repositories, tmp_path: Path) -> None:
    for location in (f"ext::sh -c touch% {tmp_path}/pwned", f"--upload-pack=touch {tmp_path}/pwned"):
        with pytest.raises(LocationError):
            repositories.at(location)
    # Not by way of the user's own settings either.
    done = subprocess.run(
        ["git", "-c", "protocol.ext.allow=always", "-c", f"url.ext::touch {tmp_path}/pwned .insteadOf=https://x/", "ls-remote", "https://x/y"],
        env=environment(os.environ), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode
    assert b"not allowed" in done.stderr
    assert not (tmp_path / "pwned").exists()


def test_gits_environment_asks_nothing_and_points_nowhere_else() -> None:
    made = environment({"PATH": "/bin", "HOME": "/home/x", "GIT_DIR": "/elsewhere", "GIT_ASKPASS": "helper"})
    assert made["HOME"] == "/home/x"
    assert made["GIT_ASKPASS"] == "helper"
    assert made["GIT_TERMINAL_PROMPT"] == "0"
    assert made["GIT_SSH_COMMAND"] == "ssh -oBatchMode=yes"
    assert "GIT_DIR" not in made
    assert environment({"GIT_SSH_COMMAND": "ssh -i key"})["GIT_SSH_COMMAND"] == "ssh -i key"
    assert "GIT_SSH_COMMAND" not in environment({"GIT_SSH": "plink"})


def test_without_git(monkeypatch: pytest.MonkeyPatch, mirror: Repository) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MissingPartError, match="Git is not installed"):
        mirror.branches()


def test_the_top_folder(source: WorkingTree, tmp_path: Path) -> None:
    below = source.path / "infra" / "staging"
    below.mkdir(parents=True)
    assert top_folder(below) == source.path
    assert top_folder(tmp_path) is None
    source.git("clone", "--quiet", "--bare", str(source.path), str(tmp_path / "bare.git"))
    assert top_folder(tmp_path / "bare.git") == tmp_path / "bare.git"


class Handler(http.server.SimpleHTTPRequestHandler):
    """A git host by plain HTTP: what is below the folder, nothing, or a question for a password."""

    def do_GET(self) -> None:
        if self.path.startswith("/private"):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
        elif self.path.startswith("/forbidden"):
            self.send_error(403)
        else:
            super().do_GET()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a git host on this machine, and a user without credentials."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_ASKPASS", "")
    served = tmp_path / "served"
    served.mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *arguments: Handler(*arguments, directory=str(served))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_repository_by_http(source: WorkingTree, repositories: Repositories, host: str, tmp_path: Path) -> None:
    source.git("clone", "--quiet", "--bare", str(source.path), str(tmp_path / "served" / "web.git"))
    source.git("--git-dir", str(tmp_path / "served" / "web.git"), "update-server-info")
    repository = repositories.at(f"{host}/web.git")
    repository.fetch()
    assert repository.resolve("main") == source.git("rev-parse", "main")


def test_hosts_that_do_not_give_it(repositories: Repositories, host: str) -> None:
    for path in ("private/web.git", "forbidden/web.git"):
        with pytest.raises(NoAccessError) as caught:
            repositories.at(f"{host}/{path}").fetch()
        assert f"git ls-remote {host}/{path}" in caught.value.next
        assert (caught.value.status, int(caught.value.exit)) == (409, 3)
    with pytest.raises(NoSuchRepositoryError):
        repositories.at(f"{host}/web.git").fetch()


def test_a_host_that_does_not_answer(repositories: Repositories, host: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError):
            repositories.at(f"http://127.0.0.1:{unused.getsockname()[1]}/web.git").fetch()


def test_a_host_that_accepts_and_is_silent(
    repositories: Repositories, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "FETCH_TIMEOUT_S", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        with pytest.raises(GitTimeoutError):
            repositories.at(f"http://127.0.0.1:{silent.getsockname()[1]}/web.git").fetch()
        assert time.monotonic() - began < 10


def test_ssh_that_fails(repositories: Repositories, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Stands in for a host: ssh itself is not part of git, and what it prints here is what OpenSSH prints.
    script = tmp_path / "ssh"
    script.write_text("#!/bin/sh\necho 'git@host: Permission denied (publickey).' >&2\nexit 255\n")
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(script))
    with pytest.raises(NoAccessError):
        repositories.at("git@host.invalid:team/web.git").fetch()
    script.write_text("#!/bin/sh\necho 'odd' >&2\nexit 255\n")
    with pytest.raises(GitError) as caught:
        repositories.at("git@host.invalid:team/web.git").fetch()
    assert caught.value.code == "git-failed"


def test_a_failed_fetch_keeps_the_mirror(source: WorkingTree, mirror: Repository, tmp_path: Path) -> None:
    commit = mirror.resolve("main")
    source.path.rename(tmp_path / "moved")
    with pytest.raises(NoSuchRepositoryError):
        mirror.fetch()
    assert mirror.resolve("main") == commit
