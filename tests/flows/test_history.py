"""Histories of real repositories: who changed which block, through renamings, moves, merges and what people do to git."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from butai.history import git_log
from butai.history.blocks import BlockSpan
from butai.history.figures import Figures
from butai.history.git_log import HistoryError, HistoryTimeoutError, NoSuchCommitError, Objects, Row
from butai.history.model import DAY_S, History
from butai.history.read import read_history
from support.repository import ENVIRONMENT, WorkingTree


def resource(name: str, size: int = 1) -> str:
    return f'resource "aws_lb" "{name}" {{\n  name = "{name}"\n  size = {size}\n  zone = "{name}-z"\n}}\n'


def spans(tree: WorkingTree, commit: str = "HEAD") -> dict[str, list[BlockSpan]]:
    """The blocks of a commit's files, as far as these tests write them; the id is the block's last label."""
    found: dict[str, list[BlockSpan]] = {}
    for path in tree.git("ls-tree", "-r", "-z", "--name-only", commit).split("\0"):
        if not path.endswith(".tf"):
            continue
        lines = tree.git("show", f"{commit}:{path}").splitlines()
        heads = [number for number, line in enumerate(lines, 1) if line.endswith('" {')]
        ends = [number for number, line in enumerate(lines, 1) if line == "}"]
        ids = [lines[head - 1].split('"')[-2] for head in heads]
        found[path] = [BlockSpan(*each) for each in zip(ids, heads, ends, strict=True)]
    return found


def read(tree: WorkingTree, before: History | None = None) -> History:
    history = read_history(tree.path, "HEAD", spans(tree), before=before)
    assert history
    return history


def subjects(history: History, block: str) -> list[str]:
    """Of the commits that changed a block, newest first; the one it began with is marked."""
    story = history.blocks[block]
    return [history.commits[each.commit].subject + (" *" if each.began else "") for each in story.changes]


@pytest.fixture
def tree(tmp_path: Path) -> WorkingTree:
    return WorkingTree(tmp_path / "infra")


def test_blocks_have_their_own_commits(tree: WorkingTree) -> None:
    tree.commit({"main.tf": resource("web") + "\n" + resource("api")}, "Begin", "Aiko", mail="aiko@x.org")
    tree.commit({"main.tf": "# a note\n\n" + resource("web") + "\n" + resource("api")}, "Note")
    tree.commit({"main.tf": "# a note\n\n" + resource("web", 2) + "\n" + resource("api")}, "Grow web")
    tree.commit({"README.md": "hello\n"}, "Docs", "Ben", mail="ben@x.org", after_s=WEEK * 2)
    history = read(tree)
    assert subjects(history, "web") == ["Grow web", "Begin *"]
    assert subjects(history, "api") == ["Begin *"]
    assert [change.added for change in history.files["main.tf"].changes] == [1, 2, 11]
    assert [commit.subject for commit in history.commits] == ["Begin", "Note", "Grow web"]
    assert [signature.name for signature in history.signatures] == ["Ben", "Aiko", "Aiko"]
    assert [(week.commits, week.terraform) for week in history.weeks] == [(3, 3), (1, 0)]
    assert (history.shallow, history.cut_short) == (False, False)
    assert History.restored(json.loads(json.dumps(history.stored()))) == history


WEEK = 7 * DAY_S


def test_a_block_keeps_its_past_when_its_file_is_renamed_or_split(tree: WorkingTree) -> None:
    web, api = resource("web"), resource("api")
    tree.commit({"main.tf": web + api}, "Begin")
    tree.git("mv", "main.tf", "all of it.tf")
    tree.commit({}, "Rename the file")
    (tree.path / "all of it.tf").unlink()
    tree.commit({"mod/web.tf": web, 'mod/ä"pi.tf': api}, "Split")
    tree.commit({"mod/web.tf": resource("web", 2)}, "Grow web")
    history = read(tree)
    assert subjects(history, "web") == ["Grow web", "Begin *"]
    assert subjects(history, "api") == ["Begin *"]
    assert history.folders() == ["mod"]


def test_a_renamed_block_goes_on_and_a_new_one_in_its_place_does_not(tree: WorkingTree) -> None:
    tree.commit({"main.tf": resource("web") + resource("api")}, "Begin")
    tree.commit({"main.tf": resource("web").replace('"web" {', '"shop" {') + resource("api")}, "Call it shop")
    tree.commit({"main.tf": 'variable "zone" {\n  default = 1\n}\n' + resource("api")}, "Drop it for a variable")
    history = read(tree)
    assert subjects(history, "zone") == ["Drop it for a variable *"]
    tree.git("checkout", "--quiet", "HEAD~1")
    assert subjects(read(tree), "shop") == ["Call it shop", "Begin *"]


def test_both_sides_of_a_merge_are_followed_and_the_merge_is_no_change(tree: WorkingTree) -> None:
    tree.commit({"main.tf": resource("web") + "\n# between\n\n" + resource("api")}, "Begin")
    tree.branch("side")
    tree.commit(
        {"main.tf": resource("web") + "\n# between\n\n" + resource("api", 7)}, "Grow api", "Ben", mail="ben@x.org"
    )
    tree.git("switch", "--quiet", "main")
    tree.commit({"main.tf": "# top\n# of it\n" + resource("web", 3) + "\n# between\n\n" + resource("api")}, "Grow web")
    who = {"GIT_AUTHOR_NAME": "Merger", "GIT_AUTHOR_EMAIL": "merger@x.org"}
    tree.git("merge", "--quiet", "--no-edit", "--no-ff", "side", **who)
    history = read(tree)
    assert subjects(history, "web") == ["Grow web", "Begin *"]
    assert subjects(history, "api") == ["Grow api", "Begin *"]
    assert "Merger" in [signature.name for signature in history.signatures], "a merge is a sign of life"
    assert sum(week.commits for week in history.weeks) == 3


def test_a_copy_of_the_repository_merged_in_does_not_take_its_history(tree: WorkingTree) -> None:
    """The whole of one side is equal to the merge: git would leave out the other, where each file really came from."""
    tree.commit({"main.tf": resource("web")}, "Begin")
    tree.git("checkout", "--quiet", "--orphan", "imported")
    tree.commit({"other.tf": resource("other")}, "Import with a copy of everything")
    tree.git("switch", "--quiet", "main")
    who = {"GIT_AUTHOR_NAME": "Merger", "GIT_AUTHOR_EMAIL": "merger@x.org"}
    tree.git("merge", "--quiet", "--no-edit", "--allow-unrelated-histories", "imported", **who)
    assert tree.git("rev-parse", "HEAD^{tree}") == tree.git("rev-parse", "imported^{tree}")
    history = read(tree)
    assert subjects(history, "web") == ["Begin *"]
    assert subjects(history, "other") == ["Import with a copy of everything *"]


def test_people_bots_co_authors_mailmap_and_ignored_commits(tree: WorkingTree) -> None:
    tree.commit({"main.tf": resource("web")}, "Begin", "asato", mail="old@x.org")
    tree.commit(
        {"main.tf": resource("web", 2)}, "Grow (#7)\n\nCo-authored-by: Ben <ben@x.org>", "Aiko Sato", mail="aiko@x.org"
    )
    tree.commit(
        {"main.tf": resource("web", 3)},
        "chore(deps)",
        "renovate[bot]",
        mail="29+renovate[bot]@users.noreply.github.com",
    )
    formatted = tree.commit(
        {"main.tf": resource("web", 3).replace("name =", "name  =")}, "fmt", "Chie", mail="chie@x.org"
    )
    tree.commit(
        {".mailmap": "Aiko Sato <aiko@x.org> <old@x.org>\n", ".git-blame-ignore-revs": f"# fmt\n{formatted}\n"},
        "Tidy",
        "Dan",
    )
    history = read(tree)
    now = history.commits[-1].at
    figure = Figures(history, now).block("web")
    assert [(each.person.name, each.changes, each.first_author) for each in figure.knowers] == [
        ("Aiko Sato", 2, True),
        ("Ben", 1, False),
    ]
    assert [each.person.bot for each in figure.knowers] == [False, False]
    assert figure.churn.ever.changes == 3
    joined = Figures(history, now, joins=[("ben@x.org", "Dan")]).people
    assert {"Ben", "Dan"} <= set(joined.of[[each.name for each in history.signatures].index("Ben")].names)


def test_a_mass_commit_is_told_by_its_files(tree: WorkingTree) -> None:
    tree.commit({f"m{number}/main.tf": resource(f"web{number}") for number in range(21)}, "Import")
    history = read(tree)
    assert history.commits[0].files == 21
    [knower] = Figures(history, history.commits[0].at).block("web3").knowers
    assert knower.weight == pytest.approx(1 / 21) and not knower.knows


def test_only_what_came_since_is_read_and_says_the_same(tree: WorkingTree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.commit(
        {"main.tf": resource("web") + resource("api"), "old.tf": resource("old")}, "Begin", "Ben", mail="b@x.org"
    )
    tree.commit({"main.tf": resource("web", 2) + resource("api")}, "Grow web")
    tree.branch("side")
    tree.commit({"main.tf": resource("web", 2) + resource("api", 5)}, "Grow api aside")
    tree.git("switch", "--quiet", "main")
    tree.commit({"new.tf": resource("new")}, "New")
    before = read(tree)
    same = read(tree, before)
    assert same == before
    tree.commit({"main.tf": "# note\n" + resource("web", 3) + resource("api"), "z.txt": ""}, "Grow web again")
    tree.git("merge", "--quiet", "--no-edit", "side", GIT_AUTHOR_NAME="M", GIT_AUTHOR_EMAIL="m@x.org")
    tree.git("mv", "old.tf", "older.tf")
    tree.commit({"new.tf": resource("new", 2) + resource("newest")}, "More")
    whole = read(tree)
    asked: list[str | None] = []
    graph = Objects.graph

    def noted(git: Objects, since: str | None = None) -> list[Row]:
        asked.append(since)
        return graph(git, since)

    monkeypatch.setattr(Objects, "graph", noted)
    after = read(tree, History.restored(json.loads(json.dumps(before.stored()))))
    assert asked == [before.commit], "the rest was not read again"
    for name in ("web", "api", "old", "new", "newest"):
        assert subjects(after, name) == subjects(whole, name)
    for path, story in whole.files.items():
        ours = [after.commits[each.commit].sha for each in after.files[path].changes]
        assert set(ours) == {whole.commits[each.commit].sha for each in story.changes}
    assert sorted(after.signatures) == sorted(whole.signatures) and after.weeks == whole.weeks


def test_everything_is_read_again_when_what_came_before_is_not_before(tree: WorkingTree) -> None:
    tree.commit({"main.tf": resource("web")}, "Begin")
    tree.commit({"main.tf": resource("web", 2)}, "Grow")
    before = read(tree)
    tree.git("reset", "--quiet", "--hard", "HEAD~1")
    tree.commit({"main.tf": resource("web", 3)}, "Grow otherwise")
    assert subjects(read(tree, before), "web") == ["Grow otherwise", "Begin *"]
    before = read(tree)
    tree.commit({".git-blame-ignore-revs": before.commit}, "Ignore it")
    assert [each.ignored for each in read(tree, before).commits] == [False, True]
    # Blocks that were read with other lines, as by another reader, are no ground to go on from.
    tree.commit({"main.tf": resource("web", 4)}, "Grow once more")
    bare = read_history(tree.path, "HEAD~1", {})
    assert subjects(read(tree, bare), "web") == ["Grow once more", "Grow otherwise", "Begin *"]


def test_a_mirror_and_a_folder_inside_a_repository_are_read_alike(tree: WorkingTree, tmp_path: Path) -> None:
    first = tree.commit({"infra/main.tf": resource("web")}, "Begin")
    tree.commit({"infra/main.tf": resource("web", 2)}, "Grow")
    whole = read(tree)
    tree.git("clone", "--quiet", "--mirror", str(tree.path), str(tmp_path / "mirror"))
    assert read_history(tmp_path / "mirror", "main", spans(tree)) == whole
    assert read_history(tree.path / "infra", "HEAD", spans(tree)) == whole
    tree.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "other"))
    assert read_history(tmp_path / "other", "HEAD", spans(tree)) == whole
    tree.git(
        "clone",
        "--quiet",
        "--shared",
        "--separate-git-dir",
        str(tmp_path / "apart"),
        str(tree.path),
        str(tmp_path / "shared"),
    )
    assert read_history(tmp_path / "shared", "HEAD", spans(tree)) == whole
    older = read_history(tmp_path / "mirror", first, spans(tree, first))
    assert older and subjects(older, "web") == ["Begin *"]


def test_a_shallow_clone_says_so_and_names_nobody_as_the_first(tree: WorkingTree, tmp_path: Path) -> None:
    for size in range(4):
        tree.commit({"main.tf": resource("web", size), "old.tf": resource("old")}, f"Size {size}")
    tree.git("clone", "--quiet", "--depth=2", f"file://{tree.path}", str(tmp_path / "shallow"))
    history = read_history(tmp_path / "shallow", "HEAD", spans(tree))
    assert history and history.shallow
    assert subjects(history, "web") == ["Size 3"] and subjects(history, "old") == []
    figures = Figures(history, history.commits[-1].at)
    assert (old := figures.block("web").age) and old.at_least
    assert figures.block("old").age is None and figures.block("old").knowers == []
    again = read_history(tmp_path / "shallow", "HEAD", spans(tree), before=history)
    assert again == history


def test_what_is_no_git_has_no_history(tmp_path: Path, tree: WorkingTree) -> None:
    (tmp_path / "plain").mkdir()
    assert read_history(tmp_path / "plain", "HEAD", {}) is None
    assert read_history(tmp_path / "nowhere", "HEAD", {}) is None
    (tmp_path / "broken" / ".git").mkdir(parents=True)
    assert read_history(tmp_path / "broken", "HEAD", {}) is None
    with pytest.raises(NoSuchCommitError, match="has no commit `HEAD`"):
        read_history(tree.path, "HEAD", {})
    tree.commit({"README.md": "no Terraform\n"}, "Begin")
    with pytest.raises(NoSuchCommitError):
        read_history(tree.path, "--output=x", {})
    empty = read_history(tree.path, "HEAD", {})
    assert empty and (empty.files, empty.blocks, empty.commits) == ({}, {}, ())
    assert [week.commits for week in empty.weeks] == [1]


def test_without_time_the_oldest_commits_are_left_out(tree: WorkingTree, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in range(3):
        tree.commit({"main.tf": resource("web", size)}, f"Size {size}")
    with pytest.raises(HistoryTimeoutError, match="in time"):
        read_history(tree.path, "HEAD", spans(tree), limit_s=0.0)
    patches = Objects.patches

    def hurried(git: Objects, pairs: list[tuple[str, str]]):  # type: ignore[no-untyped-def]
        for number, diff in enumerate(patches(git, pairs)):
            if number == 2:
                raise HistoryTimeoutError("x")
            yield diff

    monkeypatch.setattr(Objects, "patches", hurried)
    history = read(tree)
    assert history.cut_short and subjects(history, "web") == ["Size 2", "Size 1"]
    assert (age := Figures(history, history.commits[-1].at).block("web").age) and age.at_least


def test_a_repository_of_long_hashes(tmp_path: Path) -> None:
    tree = WorkingTree(tmp_path / "infra")
    shutil.rmtree(tree.path / ".git")
    tree.git("init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    tree.commit({"main.tf": resource("web")}, "Begin")
    tree.commit({"main.tf": resource("web", 2)}, "Grow")
    history = read(tree)
    assert len(history.commit) == 64 and subjects(history, "web") == ["Grow", "Begin *"]


def test_reading_runs_nothing_that_a_repository_names(tree: WorkingTree, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    program = tmp_path / "evil.sh"
    program.write_text(f"#!/bin/sh\necho $0 $@ >> {marker}\ncat\n")
    program.chmod(0o755)
    tree.commit({"main.tf": resource("web")}, "Begin")
    tree.commit({"main.tf": resource("web", 2), ".gitattributes": "* diff=evil filter=evil\n"}, "Grow")
    expected = read(tree)
    config = {
        **dict.fromkeys(("core.fsmonitor", "core.pager", "pager.log", "pager.rev-parse", "core.editor"), str(program)),
        **dict.fromkeys(("diff.external", "diff.evil.command", "diff.evil.textconv", "core.sshCommand"), str(program)),
        **dict.fromkeys(
            ("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "gpg.program"), str(program)
        ),
        **dict.fromkeys(("alias.log", "alias.rev-parse", "alias.diff-tree", "alias.ls-tree"), f"!{program}"),
        "core.hooksPath": str(tmp_path),
        "log.showSignature": "true",
        "core.attributesFile": str(tmp_path / "attributes"),
        "color.ui": "always",
        "diff.noprefix": "true",
        "diff.context": "9",
        "diff.interHunkContext": "9",
        "log.showRoot": "false",
        "diff.orderFile": "/nonexistent",
        "core.quotePath": "false",
        "diff.algorithm": "patience",
        "mailmap.file": str(tmp_path / "mailmap"),
        "format.pretty": "oneline",
        "log.follow": "true",
        "diff.renames": "false",
    }
    for name, value in config.items():
        tree.git("config", name, value)
    (tmp_path / "attributes").write_text("* diff=evil\n")
    (tmp_path / "mailmap").write_text("Mallory <mallory@x.org> <author@example.com>\n")
    (tree.path / ".git" / "info").mkdir(exist_ok=True)
    (tree.path / ".git" / "info" / "attributes").write_text("* diff=evil binary\n")
    for hook in ("post-index-change", "reference-transaction", "post-checkout", "pre-auto-gc"):
        shutil.copy(program, tree.path / ".git" / "hooks" / hook)
        shutil.copy(program, tmp_path / hook)
    (tree.path / "main.tf").write_text(resource("web", 3))

    assert read_history(tree.path, "HEAD", spans_of(expected)) == expected
    assert read_history(tree.path / ".git", "HEAD", spans_of(expected)) == expected
    assert not marker.exists()
    tree.git("-c", "diff.noprefix=false", "-c", "diff.orderFile=/dev/null", "log", "-p", "--ext-diff", "--textconv")
    assert marker.exists(), "the trap does work"


def spans_of(history: History) -> dict[str, list[BlockSpan]]:
    """The spans that a history was read with, without asking git again."""
    spans: dict[str, list[BlockSpan]] = {path: [] for path in history.files}
    for name, story in history.blocks.items():
        spans[story.path].append(BlockSpan(name, story.first_line, story.last_line))
    return spans


def test_what_is_missing_is_not_fetched(tree: WorkingTree, tmp_path: Path) -> None:
    marker = tmp_path / "fetched"
    tree.commit({"main.tf": resource("web")}, "Begin")
    blob = tree.git("rev-parse", "HEAD:main.tf")
    tree.commit({"main.tf": resource("web", 2)}, "Grow")
    there = spans(tree)
    config = {
        "core.repositoryformatversion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::sh -c touch% {marker}",
        "protocol.ext.allow": "always",
    }
    for name, value in config.items():
        tree.git("config", name, value)
    (tree.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(HistoryError, match="partial clone"):
        read_history(tree.path, "HEAD", there)
    assert not marker.exists()
    subprocess.run(["git", "cat-file", "-p", blob], cwd=tree.path, env=ENVIRONMENT, capture_output=True, check=False)
    assert marker.exists(), "the trap does work"


def test_a_repository_of_another_user_is_read(tree: WorkingTree, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a volume: whose it is matters for its settings alone, and those are not used."""
    tree.commit({"main.tf": resource("web")}, "Begin")
    there = spans(tree)
    environment = git_log._environment
    monkeypatch.setattr(git_log, "_environment", lambda: {**environment(), "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"})
    history = read_history(tree.path, "HEAD", there)
    assert history and subjects(history, "web") == ["Begin *"]


def test_variables_of_a_git_hook_lead_nowhere_else(
    tree: WorkingTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.commit({"main.tf": resource("web")}, "Begin")
    expected = read(tree)
    other = WorkingTree(tmp_path / "other")
    other.commit({"main.tf": resource("web", 9)}, "Elsewhere")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.path / ".git" / "objects"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/bin/false")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "diff.renames")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "false")
    assert read_history(tree.path, "HEAD", spans_of(expected)) == expected
    assert "GIT_DIR" in os.environ
