"""Repositories that are broken, strange or hostile: each has a defined result, and costs only what is broken."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.errors import NotFoundError
from butai.git.repository import Repositories, Repository
from butai.inventory.git_source import git_commit
from butai.inventory.model import Graph, Kind
from butai.inventory.reading import WorkingFolder, read_graph
from support.repository import WorkingTree
from support.written import graph_of, told

GOOD = 'variable "a" {}\n\nresource "x_y" "b" {\n  c = var.a\n}\n'


def read(folder: Path) -> Graph:
    return read_graph(WorkingFolder(folder))


def addresses(graph: Graph) -> set[str]:
    return {each.address for each in graph.nodes.values() if each.file}


def test_an_empty_repository_and_one_without_git(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("Nothing here.")
    graph = read(tmp_path)
    assert [(each.kind, each.name) for each in graph.nodes.values()] == [(Kind.REPOSITORY, tmp_path.name)]
    assert (graph.edges, graph.problems) == ([], [])
    with pytest.raises(NotFoundError):
        WorkingFolder(tmp_path / "README.md")


def test_an_empty_file_is_a_folder_of_configuration() -> None:
    graph = graph_of({"a/main.tf": "", "b/x.tf.json": "{}"})
    assert [each.folder for each in graph.roots()] == ["a", "b"]
    assert told(graph) == []


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ('resource "x_y" "lost" {\n  c = "no end\n}\n', 7),
        ('resource "x_y" "lost"\n  c = 1\n}\n', 6),
        ('resource "x_y" "lost" {\n  c = [1\n}\n', 7),
        ('resource "x_y" "lost" {\n  c = \n}\n', 7),
        ('<<<<<<< HEAD\nresource "x_y" "one" {}\n=======\n>>>>>>> theirs\n', 6),
        ("x = \0\n", 6),
    ],
)
def test_a_broken_block_costs_itself_only(broken: str, line: int) -> None:
    graph = graph_of({"main.tf": GOOD + broken + 'variable "last" {}\n', "other.tf": "locals {\n  d = 1\n}\n"})
    assert {"var.a", "x_y.b", "local.d"} <= addresses(graph)
    assert "x_y.lost" not in addresses(graph)
    assert ".:var.a" in graph.needs(".:x_y.b")
    assert [each.file for each in graph.problems] == ["main.tf"]
    assert abs(graph.problems[0].line - line) <= 1


def test_what_comes_after_the_damage_is_read_too() -> None:
    graph = graph_of({"main.tf": 'resource "x_y" "lost" {\n  c = "no end\n}\n\n' + GOOD})
    assert {"var.a", "x_y.b"} <= addresses(graph)
    assert graph.nodes[".:x_y.b"].line == 7


@given(st.integers(0, len(GOOD) - 1), st.sampled_from(["", "{", '"', "}", "\0", "<<EOT\n", "/*", "é"]))
def test_any_damage_is_told_and_raises_nothing(at: int, put: str) -> None:
    graph = graph_of({"main.tf": GOOD[:at] + put + GOOD[at + 1 :], "whole.tf": 'variable "whole" {}\n'})
    assert "var.whole" in addresses(graph)
    assert all(1 <= each.line <= GOOD.count("\n") + 2 for each in graph.problems)


def test_other_encodings_and_line_ends() -> None:
    graph = graph_of(
        {
            "latin/main.tf": 'variable "a" {\n  description = "\xe9"\n}\n'.encode("latin-1"),
            "mark/main.tf": "\ufeff" + GOOD,
            "crlf/main.tf": GOOD.replace("\n", "\r\n"),
            "utf16/main.tf": GOOD.encode("utf-16"),
        }
    )
    assert "latin/main.tf:2: this is not UTF-8" in told(graph)
    assert {"latin:var.a", "mark:x_y.b", "crlf:x_y.b"} <= graph.nodes.keys()
    assert graph.nodes["mark:var.a"].line == 1
    node = graph.nodes["crlf:x_y.b"]
    assert (node.line, node.end_line, node.end_column) == (3, 5, 2)
    assert {each.file for each in graph.problems} == {"latin/main.tf", "utf16/main.tf"}


def test_large_files(tmp_path: Path) -> None:
    (tmp_path / "small.tf").write_text(GOOD)
    (tmp_path / "large.tf").write_text("/*" + "x" * 5_000_000 + '*/\nvariable "late" {}\n')
    with (tmp_path / "huge.tf").open("wb") as file:
        file.truncate(50_000_001)
    graph = read(tmp_path)
    assert {"var.a", "var.late"} <= addresses(graph)
    assert told(graph) == [
        "huge.tf:1: the file is larger than 50000000 bytes",
        "large.tf:0: this file has 5 MB: reading it takes long",
    ]


def test_thousands_of_blocks_and_deep_nesting() -> None:
    many = "".join(f'resource "x_y" "r{n}" {{\n  c = x_y.r{n - 1 if n else 0}.id\n}}\n' for n in range(3_000))
    graph = graph_of({"many/main.tf": many, "deep/main.tf": "a {\n" * 3_000 + "}\n" * 3_000})
    assert len(graph.needs("many:x_y.r2999")) == 2_999
    assert graph.nodes["many:x_y.r2999"].line == 8_998
    assert graph.nodes["deep:a"].end_line == 6_000
    assert told(graph) == []


def test_a_long_chain_of_modules() -> None:
    files = {f"m{n}/main.tf": f'module "next" {{\n  source = "../m{n + 1}"\n}}\n' for n in range(1_200)}
    graph = graph_of({**files, "m1200/main.tf": 'resource "x_y" "last" {}\n'})
    assert "m1200:x_y.last" in graph.needs("m0:module.next")
    assert graph.find("m1199", "module.next.x_y.last") is graph.nodes["m1200:x_y.last"]


def test_module_sources_that_lead_nowhere() -> None:
    sources = ["./gone", "../../outside", "./circle", "hashicorp/x/aws", "git::https://example.com/m.git?ref=v1"]
    calls = "".join(f'module "m{n}" {{\n  source = "{source}"\n}}\n' for n, source in enumerate(sources))
    graph = graph_of(
        {
            "live/main.tf": calls + 'module "m5" {\n  source = var.x\n}\nmodule "m6" {}\n',
            "live/circle/a.tf": 'module "back" {\n  source = "../circle"\n}\n',
        }
    )
    assert told(graph) == [
        "live/circle/a.tf:0: modules call each other in a circle, from here to `live/circle`",
        "live/main.tf:1: the module `./gone` is not there: `live/gone` holds no configuration",
        "live/main.tf:4: the module `../../outside` lies outside of this repository",
        "live/main.tf:16: this module's source cannot be read",
        "live/main.tf:17: `var.x` is not declared in `live`",
        "live/main.tf:19: this module's source cannot be read",
    ]
    assert {each.id for each in graph.nodes.values() if each.kind is Kind.EXTERNAL} == {*sources[:2], *sources[3:]}


def linked(folder: Path) -> None:
    (folder / "shared").mkdir()
    (folder / "shared" / "variables.tf").write_text('variable "a" {}\n')
    (folder / "live").mkdir()
    (folder / "live" / "variables.tf").symlink_to("../shared/variables.tf")
    (folder / "live" / "hosts.tf").symlink_to("/etc/hosts")
    (folder / "live" / "gone.tf").symlink_to("nothing.tf")
    (folder / "live" / "circle.tf").symlink_to("circle.tf")
    (folder / "live" / "main.tf").write_text(
        'module "m" {\n  source = "./modules/net"\n}\nmodule "out" {\n  source = "./away"\n}\n'
    )
    (folder / "modules" / "real").mkdir(parents=True)
    (folder / "modules" / "real" / "main.tf").write_text('output "o" {\n  value = 1\n}\n')
    (folder / "modules" / "net").symlink_to("real")
    (folder / "modules" / "up").symlink_to("..")
    (folder / "live" / "modules").symlink_to("../modules")
    (folder / "live" / "away").symlink_to("../../..")


def check_links(graph: Graph) -> None:
    assert graph.modules["live"].calls["m"] == "modules/real"
    assert {each.folder for each in graph.modules.values()} == {"shared", "live", "modules/real"}
    assert graph.nodes["live:var.a"].file == graph.nodes["shared:var.a"].file == "shared/variables.tf"
    assert {each.file for each in graph.problems} == {"live/hosts.tf", "live/gone.tf", "live/circle.tf", "live/main.tf"}
    assert "live/hosts.tf:0: this link lea" in " ".join(told(graph))
    assert "live/gone.tf:0: this link leads nowhere in the repository" in told(graph)
    assert "live/main.tf:4: the module `./away` lies outside of this repository" in told(graph)


def test_links_in_a_working_folder(tmp_path: Path) -> None:
    linked(tmp_path)
    check_links(read(tmp_path))


def fetched(folder: Path, mirrors: Path) -> Repository:
    repository = Repositories(mirrors / "mirrors").at(str(folder))
    repository.fetch()
    return repository


@pytest.fixture
def tree(tmp_path: Path) -> WorkingTree:
    return WorkingTree(tmp_path / "tree")


def test_links_in_a_commit(tree: WorkingTree, tmp_path: Path) -> None:
    linked(tree.path)
    commit = tree.commit({})
    with git_commit(fetched(tree.path, tmp_path), commit, "tree") as source:
        check_links(read_graph(source))


def test_a_submodule_is_another_repository(tree: WorkingTree, tmp_path: Path) -> None:
    WorkingTree(tree.path / "sub").commit({"main.tf": GOOD})
    commit = tree.commit({"main.tf": GOOD})
    with git_commit(fetched(tree.path, tmp_path), commit, "tree") as source:
        graph = read_graph(source)
    assert told(graph) == ["sub:0: this is a submodule, another repository: it was not read"]
    assert set(graph.modules) == {"."}


def test_a_commit_is_read_as_the_working_folder_is_and_out_of_a_shallow_clone_too(
    tree: WorkingTree, tmp_path: Path
) -> None:
    tree.commit({"old.tf": "locals {}\n"})
    commit = tree.commit({"main.tf": GOOD, "sub/main.tf": GOOD, "sub/a.tfvars": "x = 1\n", "sub/b.tftest.hcl": ""})
    (tmp_path / "shallow").mkdir()
    tree.git("clone", "--quiet", "--depth=1", f"file://{tree.path}", str(tmp_path / "shallow"))
    digest = read(tree.path).digest
    for folder in (tree.path, tmp_path / "shallow"):
        with git_commit(fetched(folder, tmp_path), commit, "tree") as source:
            graph = read_graph(source)
        assert graph.nodes.keys() == read(tree.path).nodes.keys()
        assert graph.modules["sub"].tests == ("sub/b.tftest.hcl",)
        assert graph.digest == digest


STARTED: list[str] = []
LISTENING = False


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if LISTENING and event in {
        "subprocess.Popen",
        "os.exec",
        "os.posix_spawn",
        "os.system",
        "os.fork",
        "socket.connect",
    }:
        STARTED.append(event)


@pytest.fixture
def listening() -> Iterator[list[str]]:
    """What is started or connected to meanwhile. A hook cannot be taken away again, only made deaf."""
    global LISTENING  # noqa: PLW0603
    sys.addaudithook(_hear)
    LISTENING = True
    yield STARTED
    LISTENING = False


def test_nothing_in_a_repository_is_run(tmp_path: Path, listening: list[str]) -> None:
    (tmp_path / ".git" / "hooks").mkdir(parents=True)
    for name in ("post-checkout", "terraform", "git"):
        script = tmp_path / ".git" / "hooks" / name
        script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        script.chmod(0o755)
    (tmp_path / "main.tf").write_text(
        'data "external" "e" {\n  program = ["sh", "-c", "touch ran"]\n}\n'
        'module "m" {\n  source = "git::file:///${path.root}"\n}\nmodule "n" {\n  source = "git::https://example.com/x"\n}\n'
    )
    os.mkfifo(tmp_path / "waits.tf")
    graph = read(tmp_path)
    assert "data.external.e" in addresses(graph)
    assert listening == []
    assert not (tmp_path / "ran").exists()
    assert ("waits.tf", 0) in {(each.file, each.line) for each in graph.problems}
