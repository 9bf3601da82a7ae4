"""Files that expressions read: the same in a folder and in its commit, and what is not read is never taken for missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from butai.git.repository import Repositories
from butai.inventory.read_by_code import CodeFiles, CommitFiles, FolderFiles
from butai.inventory.reading import WorkingFolder, read_graph
from butai.inventory.values import Values
from butai.terraform.hcl_literals import UNKNOWN
from support.repository import WorkingTree

MAIN = """
locals {
  text     = file("data/a.yaml")
  link     = try(file("link.yaml"), "none")
  over     = try(file("way/a.yaml"), "none")
  gone     = try(file("gone.yaml"), "none")
  dangling = fileexists("dangling.yaml")
  outside  = try(file("outside.yaml"), "none")
  up       = try(file("../up.yaml"), "none")
  huge     = fileexists("huge.zip")
  pointer  = try(file("pointer.bin"), "none")
  folder   = fileexists("data")
  inner    = fileexists("inner/x.yaml")
  all      = fileset("data", "**/*.yaml")
  linked   = fileset("way", "*.yaml")
  here     = fileset(".", "*.yaml")
  far      = fileset("..", "*.yaml")
}
"""
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.fixture
def tree(tmp_path: Path) -> WorkingTree:
    tree = WorkingTree(tmp_path / "tree")
    for link, to in {
        "link.yaml": "data/a.yaml",
        "way": "data",
        "dangling.yaml": "nothing.yaml",
        "data/again.yaml": "../link.yaml",
    }.items():
        (tree.path / "data").mkdir(exist_ok=True)
        (tree.path / link).symlink_to(to)
    (tree.path / "huge.zip").write_bytes(b"x" * 5_000_001)
    tree.commit({"main.tf": MAIN, "data/a.yaml": "a", "data/more/b.yaml": "b", "pointer.bin": POINTER})
    return tree


def from_commit(tree: WorkingTree, mirrors: Path) -> CodeFiles:
    repository = Repositories(mirrors / "mirrors").at(str(tree.path))
    repository.fetch()
    return CommitFiles(repository, repository.resolve("main"))


def values(tree: WorkingTree, files: CodeFiles) -> dict[str, Any]:
    graph = read_graph(WorkingFolder(tree.path))
    told = Values(graph, files)
    return {each.name: told.of(each)["value"] for each in graph.nodes.values() if each.kind == "local"}


def test_a_folder_and_its_commit_say_the_same(tree: WorkingTree, tmp_path: Path) -> None:
    found = values(tree, FolderFiles(tree.path))
    assert found == {
        "text": "a",
        "link": "a",
        "over": "a",
        "gone": "none",
        "dangling": False,
        "outside": "none",
        "up": UNKNOWN,
        "huge": UNKNOWN,
        "pointer": UNKNOWN,
        "folder": UNKNOWN,
        "inner": False,
        "all": ["a.yaml", "again.yaml", "more/b.yaml"],
        "linked": ["a.yaml", "again.yaml"],
        # A folder that is a link is not walked.
        "here": UNKNOWN,
        "far": UNKNOWN,
    }
    assert values(tree, from_commit(tree, tmp_path)) == found


def test_what_leaves_the_repository_is_not_known(tree: WorkingTree, tmp_path: Path) -> None:
    (tree.path / "outside.yaml").symlink_to("/etc/hostname")
    (tree.path / "data" / "round.yaml").symlink_to("round.yaml")
    WorkingTree(tree.path / "inner").commit({"x.yaml": "x"})
    tree.commit({})
    for files in (FolderFiles(tree.path), from_commit(tree, tmp_path)):
        found = values(tree, files)
        assert found["outside"] is UNKNOWN and found["text"] == "a"
    assert found["inner"] is UNKNOWN, "a submodule is another repository"
    assert found["all"] is UNKNOWN, "a link leads round and round"


def test_where_git_does_not_answer_nothing_is_missing(tree: WorkingTree, tmp_path: Path) -> None:
    repository = Repositories(tmp_path / "mirrors").at(str(tree.path))
    repository.fetch()
    found = values(tree, CommitFiles(repository, "0" * 40))
    assert {found[name] for name in found} == {UNKNOWN}
