"""A commit's tree on disk: whole, exact, inside its folder, or not at all."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from butai.git import export as export_module
from butai.git.export import UnfitTreeError, export
from butai.git.process import GitError
from butai.git.repository import Repositories, Repository
from butai.git.tree import entries_of
from support.repository import ENVIRONMENT, WorkingTree

Fetch = Callable[[WorkingTree], tuple[Repository, str]]


@pytest.fixture
def tree(tmp_path: Path) -> WorkingTree:
    return WorkingTree(tmp_path / "infra")


@pytest.fixture
def fetched(tmp_path: Path) -> Fetch:
    """Gives the mirror of a repository and its newest commit."""

    def fetch(tree: WorkingTree) -> tuple[Repository, str]:
        repository = Repositories(tmp_path / "git").at(str(tree.path))
        repository.fetch()
        return repository, repository.resolve("main")

    return fetch


def test_everything_is_there_byte_for_byte(tree: WorkingTree, fetched: Fetch, tmp_path: Path) -> None:
    files: dict[str, bytes] = {
        "main.tf": b"# $Format:%H$ $Id$\r\n",
        "modules/a/日本.tf": b"",
        "left out/x.bin": bytes(range(256)) * 1000,
        ".gitattributes": b"*.tf text eol=lf export-subst ident\n'left out' export-ignore\nleft* export-ignore\n",
        "new\nline": b"odd\n",
    }
    for name, content in files.items():
        (tree.path / name).parent.mkdir(parents=True, exist_ok=True)
        (tree.path / name).write_bytes(content)
    (tree.path / "run.sh").write_text("#!/bin/sh\n")
    (tree.path / "run.sh").chmod(0o755)
    (tree.path / "link").symlink_to("modules/a")
    (tree.path / "modules" / "up").symlink_to("../main.tf")
    # `* -text`, so that git itself commits the line ends as they are.
    tree.git("config", "core.autocrlf", "false")
    (tree.path / ".git" / "info" / "attributes").write_text("* -text -ident\n")
    tree.commit({})
    repository, commit = fetched(tree)
    export(repository, commit, tmp_path / "out")
    for name, content in files.items():
        assert (tmp_path / "out" / name).read_bytes() == content
    assert os.access(tmp_path / "out" / "run.sh", os.X_OK)
    assert not os.access(tmp_path / "out" / "main.tf", os.X_OK)
    assert (tmp_path / "out" / "link" / "日本.tf").exists()
    assert (tmp_path / "out" / "modules" / "up").read_bytes() == files["main.tf"]
    assert not (tmp_path / "out" / ".git").exists()


def test_an_older_commit(tree: WorkingTree, fetched: Fetch, tmp_path: Path) -> None:
    old = tree.commit({"a": "1"})
    tree.commit({"a": "2", "b": "2"})
    repository, _ = fetched(tree)
    export(repository, old, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def refused(tree: WorkingTree, fetched: Fetch, tmp_path: Path) -> UnfitTreeError:
    repository, commit = fetched(tree)
    (tmp_path / "runs").mkdir()
    with pytest.raises(UnfitTreeError) as caught:
        export(repository, commit, tmp_path / "runs" / "out")
    assert list((tmp_path / "runs").iterdir()) == []
    return caught.value


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../outside", "a/deep/q/../../x"])
def test_a_link_that_leads_out_is_refused(tree: WorkingTree, fetched: Fetch, tmp_path: Path, target: str) -> None:
    (tree.path / "a" / "deep").mkdir(parents=True)
    # Behind q, `..` is the parent of the tree itself: only the file system can tell.
    (tree.path / "a" / "deep" / "q").symlink_to("../..")
    (tree.path / "link").symlink_to(target)
    tree.commit({"a/deep/file": "x"})
    error = refused(tree, fetched, tmp_path)
    assert error.code == "link-leads-out"
    assert "link" in error.what


def test_a_link_in_a_circle_harms_nobody(tree: WorkingTree, fetched: Fetch, tmp_path: Path) -> None:
    (tree.path / "one").symlink_to("two")
    (tree.path / "two").symlink_to("one")
    tree.commit({})
    repository, commit = fetched(tree)
    export(repository, commit, tmp_path / "out")
    assert (tmp_path / "out" / "one").is_symlink()


def test_submodules_are_named(tree: WorkingTree, fetched: Fetch, tmp_path: Path) -> None:
    other = WorkingTree(tmp_path / "module")
    other.commit({"main.tf": ""})
    tree.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.path), "modules/network")
    tree.commit({})
    error = refused(tree, fetched, tmp_path)
    assert (error.code, "modules/network" in error.what) == ("git-submodules", True)


def test_files_in_lfs_are_named(tree: WorkingTree, fetched: Fetch, tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12345\n"
    tree.commit({f"big{number}.zip": pointer for number in range(7)} | {".gitattributes": "#*.zip filter=lfs -text\n"})
    error = refused(tree, fetched, tmp_path)
    assert error.code == "git-lfs"
    assert "big0.zip" in error.what
    assert "and 2 more" in error.what


def test_attributes_for_lfs_without_a_file_in_it_are_fine(tree: WorkingTree, fetched: Fetch, tmp_path: Path) -> None:
    tree.commit({".gitattributes": "*.zip filter=lfs diff=lfs merge=lfs -text\n", "main.tf": "x"})
    repository, commit = fetched(tree)
    export(repository, commit, tmp_path / "out")


@pytest.mark.parametrize(("limit", "value"), [("MAX_FILES", 1), ("MAX_BYTES", 10)])
def test_a_tree_that_is_too_large(
    tree: WorkingTree, fetched: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(export_module, limit, value)
    tree.commit({"a": "x" * 20, "b": "y"})
    assert refused(tree, fetched, tmp_path).code == "tree-too-large"


def raw_tree(tree: WorkingTree, *entries: tuple[str, str, str]) -> str:
    """A tree as no ordinary git would write it: (mode, object, name)."""
    content = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(blob) for mode, blob, name in entries)
    done = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"],
        cwd=tree.path, env=ENVIRONMENT, input=content, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout.decode().strip()


@pytest.mark.parametrize("name", ["..", ".git", ".GIT"])
def test_a_hand_made_tree_cannot_leave_its_folder(tree: WorkingTree, fetched: Fetch, tmp_path: Path, name: str) -> None:
    tree.commit({"x": "pwned"})
    blob = tree.git("rev-parse", "HEAD:x")
    bad = raw_tree(tree, ("40000", raw_tree(tree, ("100644", blob, "outside")), name))
    commit = tree.git("commit-tree", bad, "-m", "x", GIT_AUTHOR_NAME="x", GIT_AUTHOR_EMAIL="x")
    tree.git("update-ref", "refs/heads/main", commit)
    assert refused(tree, fetched, tmp_path).code == "unfit-tree"
    assert not (tmp_path / "outside").exists()


def test_a_file_below_a_link_of_the_same_name_is_refused(tree: WorkingTree, fetched: Fetch, tmp_path: Path) -> None:
    tree.commit({"x": "../..", "y": "pwned"})
    link, blob = tree.git("rev-parse", "HEAD:x"), tree.git("rev-parse", "HEAD:y")
    bad = raw_tree(tree, ("120000", link, "a"), ("40000", raw_tree(tree, ("100644", blob, "outside")), "a"))
    commit = tree.git("commit-tree", bad, "-m", "x", GIT_AUTHOR_NAME="x", GIT_AUTHOR_EMAIL="x")
    tree.git("update-ref", "refs/heads/main", commit)
    assert refused(tree, fetched, tmp_path).code == "unfit-tree"
    assert not (tmp_path / "outside").exists()


def test_a_damaged_mirror_is_told(tree: WorkingTree, fetched: Fetch, tmp_path: Path) -> None:
    tree.commit({"a": "x"})
    repository, commit = fetched(tree)
    blob = entries_of(repository, commit)[0].blob
    for path in repository.folder.rglob("*.pack"):
        subprocess.run(["git", "unpack-objects", "-q"], cwd=repository.folder, stdin=path.open("rb"), check=False)
        path.chmod(0o600)
    loose = repository.folder / "objects" / blob[:2] / blob[2:]
    loose.unlink()
    with pytest.raises(GitError, match="no content for a"):
        export(repository, commit, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(tree: WorkingTree, fetched: Fetch, tmp_path: Path) -> None:
    tree.commit({"a": "x"})
    repository, commit = fetched(tree)
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError):
        export(repository, commit, tmp_path / "out")
