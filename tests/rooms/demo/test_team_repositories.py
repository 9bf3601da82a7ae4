"""The example team's repositories: the same every time, like a small team's, and never taken from the people."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from butai.demo import history, team
from butai.demo.team import TeamRepositories, examples_folder, make_team
from butai.errors import MissingPartError
from support.repository import ENVIRONMENT, WorkingTree

BRANCHES = {
    "ivr-infra": {"main"},
    "ivr-web": {"main", "blue-banner", "larger-digits"},
    "ivr-api": {"main", "faster-menu", "call-notes"},
    "ivr-worker": {"main", "weekly-report"},
}
SOURCES = {"ivr-infra": "infra", "ivr-web": "services/web", "ivr-api": "services/api", "ivr-worker": "services/worker"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TeamRepositories:
    return make_team(examples_folder(), tmp_path_factory.mktemp("team") / "repositories")


def git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "--git-dir", str(repository), *arguments], env=ENVIRONMENT, capture_output=True, check=True
    )
    return done.stdout.decode()


def refs(repositories: TeamRepositories) -> dict[str, str]:
    return {name: git(repositories.folder / f"{name}.git", "show-ref", "--head") for name in BRANCHES}


def changed(repository: Path, branch: str) -> set[str]:
    return set(git(repository, "diff", "--name-only", "main", branch).split())


def test_the_same_files_give_the_same_commits_whatever_the_machine_says(
    made: TeamRepositories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\nname = Somebody\n[core]\nautocrlf = true\n[init]\ndefaultBranch = trunk\n")
    for name, value in {
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": str(settings),
        "GIT_AUTHOR_NAME": "Else",
        "GIT_DIR": str(tmp_path),
        "TZ": "America/New_York",
    }.items():
        monkeypatch.setenv(name, value)
    assert refs(make_team(examples_folder(), tmp_path / "again")) == refs(made)


@pytest.mark.parametrize("name", BRANCHES)
def test_each_repository_is_whole_bare_and_ends_with_the_example(made: TeamRepositories, name: str) -> None:
    repository = made.folder / f"{name}.git"
    git(repository, "fsck", "--strict")
    assert git(repository, "rev-parse", "--is-bare-repository").strip() == "true"
    assert git(repository, "symbolic-ref", "HEAD").strip() == "refs/heads/main"
    assert set(git(repository, "for-each-ref", "--format=%(refname:short)").split()) == BRANCHES[name]
    listed = git(repository, "ls-tree", "-r", "--name-only", "main")
    there = {path: git(repository, "show", f"main:{path}") for path in listed.split()}
    assert there == history.files(examples_folder() / "ivr" / SOURCES[name])


def test_the_paths_are_those_that_the_blueprint_expects(made: TeamRepositories) -> None:
    expected = [made.folder / f"{name}.git" for name in BRANCHES]
    assert [made.infra, made.web, made.api, made.worker] == expected
    assert all((path / "HEAD").exists() for path in expected)
    assert {"base", "staging"} <= set(git(made.infra, "ls-tree", "--name-only", "main").split())


def test_the_history_is_that_of_a_small_team(made: TeamRepositories) -> None:
    people = set()
    for name in BRANCHES:
        lines = git(made.folder / f"{name}.git", "log", "--reverse", "--format=%an|%aI|%cI|%s", "main").splitlines()
        fields = [line.split("|") for line in lines]
        people |= {author for author, *_ in fields}
        times = [datetime.fromisoformat(at) for _, at, _, _ in fields]
        assert len(fields) >= 3 and len({subject for *_, subject in fields}) == len(fields)
        assert times == sorted(times) and times[-1] - times[0] > timedelta(weeks=3)
        assert [committed for _, _, committed, _ in fields] == [at for _, at, _, _ in fields]
    assert len(people) == 4


def test_a_branch_changes_what_it_is_named_after(made: TeamRepositories) -> None:
    assert changed(made.web, "blue-banner") == {f"panels/00-banner/panel.{kind}" for kind in ("html", "css")}
    assert changed(made.web, "larger-digits") == {"tokens.css"}
    assert changed(made.api, "faster-menu") == {"menu.json"}
    assert changed(made.worker, "weekly-report") == {"counting.py"}
    for name, branches in BRANCHES.items():
        for branch in branches - {"main"}:
            repository = made.folder / f"{name}.git"
            assert git(repository, "merge-base", "main", branch) == git(repository, "rev-parse", "main")


def test_what_people_committed_is_kept_and_what_is_missing_is_made(tmp_path: Path) -> None:
    made = make_team(examples_folder(), tmp_path / "repositories")
    clone = WorkingTree(tmp_path / "clone")
    clone.git("remote", "add", "origin", str(made.web))
    clone.git("fetch", "--quiet", "origin")
    clone.git("reset", "--quiet", "--hard", "origin/main")
    ours = clone.commit({"page.html": "ours"}, "Our page")
    clone.git("push", "--quiet", "origin", "main")
    shutil.rmtree(made.api)
    assert make_team(examples_folder(), made.folder) == made
    assert git(made.web, "rev-parse", "main").strip() == ours
    assert set(git(made.api, "for-each-ref", "--format=%(refname:short)").split()) == BRANCHES["ivr-api"]


def test_a_half_made_repository_is_replaced(made: TeamRepositories, tmp_path: Path) -> None:
    target = tmp_path / "repositories"
    half = target / "ivr-web.git"
    half.mkdir(parents=True)
    (half / "HEAD").write_text("ref: refs/heads/main\n")
    (target / ".ivr-web.git-killed").mkdir()
    subprocess.run(["git", "init", "--quiet", "--bare", str(target / "ivr-api.git")], env=ENVIRONMENT, check=True)
    assert refs(make_team(examples_folder(), target)) == refs(made)
    assert sorted(path.name for path in target.iterdir()) == sorted(f"{name}.git" for name in BRANCHES)


def test_what_somebody_left_in_the_examples_is_no_part_of_a_commit(made: TeamRepositories, tmp_path: Path) -> None:
    examples = tmp_path / "examples"
    shutil.copytree(examples_folder(), examples)
    for name in (
        "services/web/__pycache__/server.cpython-311.pyc",
        "infra/staging/.terraform/providers/aws",
        "infra/staging/terraform.tfstate",
        "infra/staging/terraform.tfstate.backup",
        "infra/base/.terraform.lock.hcl",
    ):
        left = examples / "ivr" / name
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(b"\xff")
    assert refs(make_team(examples, tmp_path / "repositories")) == refs(made)


def test_a_history_that_no_longer_fits_its_files_is_an_error(tmp_path: Path) -> None:
    examples = tmp_path / "examples"
    shutil.copytree(examples_folder(), examples)
    tokens = examples / "ivr" / "services" / "web" / "tokens.css"
    tokens.write_text(tokens.read_text().replace("--digit-size: 1.35rem", "--digit-size: 1.4rem"))
    with pytest.raises(ValueError, match="does not hold `--digit-size"):
        make_team(examples, tmp_path / "repositories")


def test_without_the_checkout_or_git_the_missing_part_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPartError, match="git is not on PATH"):
        make_team(examples_folder(), tmp_path / "repositories")
    monkeypatch.setattr(team, "__file__", str(tmp_path / "site-packages" / "butai" / "demo" / "team.py"))
    with pytest.raises(MissingPartError, match="example team is not in"):
        examples_folder()
