"""The repositories of the inventory: where they come from, what is read again, and what one that is broken does to others."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from butai.assembly import Butai, assemble, now
from butai.errors import NotFoundError, RefusedError, WrongUseError
from butai.git.repository import Repository
from butai.inventory.graphs import Graphs
from butai.inventory.service import Changes, Inventory
from butai.inventory.view import Colour, View
from butai.inventory.views import AddRequest
from butai.settings import Settings
from butai.terraform.hcl_blocks import Parsed
from butai.terraform.hcl_syntax import parse_hcl
from support.repository import WorkingTree
from support.tiny_team import YAML, TinyTeam

FILES = {
    "live/main.tf": 'resource "aws_sqs_queue" "calls" {\n  name = var.name\n}\nvariable "name" {}\n',
    "live/live.tfvars": 'name = "calls"\n',
    "notes.md": "nobody's business",
}


@pytest.fixture
def butai(tmp_path: Path) -> Iterator[Butai]:
    butai = assemble(Settings(data=tmp_path / "data"))
    yield butai
    butai.database.close()


@pytest.fixture
def infra(tmp_path: Path) -> WorkingTree:
    tree = WorkingTree(tmp_path / "our-infra")
    tree.commit(FILES)
    return tree


def add(butai: Butai, tree: WorkingTree, **more: str) -> str:
    return butai.inventory.add(AddRequest(repository=str(tree.path), **more)).name


def test_the_repositories_of_blueprints_are_there_by_themselves(butai: Butai, tmp_path: Path) -> None:
    team = TinyTeam(tmp_path / "team")
    butai.blueprints.add(str(team.infra.path), root="staging")
    butai.blueprints.add(str(team.infra.path), root="staging", name="again")
    [found] = butai.inventory.list()
    assert (found.name, found.blueprints, found.added) == ("infra", ["again", "tiny"], False)
    assert found.counts is None, "a list reads nothing"
    assert len(butai.inventory.read("infra").graph.roots()) == 1
    counts = butai.inventory.get("infra").counts
    assert counts is not None and (counts.roots, counts.resources) == (1, 2)
    with pytest.raises(RefusedError, match="because of blueprints: again, tiny"):
        butai.inventory.remove("infra")
    with pytest.raises(RefusedError, match="already, as `infra`"):
        add(butai, team.infra)


def test_twins_are_read_as_the_engine_of_the_blueprints_would(butai: Butai, tmp_path: Path) -> None:
    team = TinyTeam(tmp_path / "team", yaml=f"{YAML}engine: terraform\n")
    team.infra.commit({"staging/more.tf": 'resource "x_y" "tf" {}', "staging/more.tofu": 'resource "x_y" "tofu" {}'})
    add(butai, team.infra, name="before")

    def found(name: str) -> set[str]:
        return {"staging:x_y.tf", "staging:x_y.tofu"} & butai.inventory.read(name).graph.nodes.keys()

    assert found("before") == {"staging:x_y.tofu"}, "no engine is named"
    butai.blueprints.add(str(team.infra.path), root="staging")
    assert found("before") == {"staging:x_y.tf"}
    team.infra.commit({"staging/butai.yaml": f"{YAML}engine: tofu\n".replace("name: tiny", "name: other")})
    butai.blueprints.add(str(team.infra.path), root="staging")
    assert found("before") == {"staging:x_y.tofu"}, "two blueprints name two"


def test_two_refs_of_one_repository_are_two_and_two_of_one_name_are_told_apart(butai: Butai, tmp_path: Path) -> None:
    team = TinyTeam(tmp_path / "team")
    team.infra.branch("next")
    butai.blueprints.add(str(team.infra.path), root="staging", ref="main")
    butai.blueprints.add(str(team.infra.path), root="staging", ref="next", name="coming")
    assert [(each.name, each.ref) for each in butai.inventory.list()] == [("infra", "main"), ("infra-2", "next")]


def test_any_other_repository_can_be_added_and_removed(butai: Butai, infra: WorkingTree) -> None:
    assert add(butai, infra) == "our-infra"
    with pytest.raises(RefusedError, match="already, as `our-infra`"):
        add(butai, infra, name="other")
    butai.inventory.remove("our-infra")
    assert butai.inventory.list() == []
    with pytest.raises(NotFoundError, match="no repository `our-infra`"):
        butai.inventory.read("our-infra")


def test_wrong_names_and_places_are_refused(butai: Butai, infra: WorkingTree, tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match="lower-case"):
        add(butai, infra, name="Our Infra")
    with pytest.raises(WrongUseError, match="no absolute path"):
        butai.inventory.add(AddRequest(repository="infra"))
    with pytest.raises(NotFoundError):
        butai.inventory.add(AddRequest(repository=str(tmp_path / "nowhere")))
    with pytest.raises(NotFoundError, match="`nosuch`"):
        add(butai, infra, ref="nosuch")
    assert butai.inventory.list() == []


def test_a_push_is_seen_after_the_next_fetch(butai: Butai, infra: WorkingTree) -> None:
    name = add(butai, infra)
    before = butai.inventory.read(name)
    infra.commit({"live/more.tf": 'resource "aws_sqs_queue" "more" {}'})
    assert butai.inventory.read(name) is before, "nothing is fetched for a look"
    butai.inventory.fetch_all(0)
    after = butai.inventory.read(name)
    assert "live:aws_sqs_queue.more" in after.graph.nodes and after.commit != before.commit
    # The view that somebody has a permanent link to is still there.
    assert "live:aws_sqs_queue.more" not in butai.inventory.read(name, before.commit[:10]).graph.nodes


def test_only_what_changed_is_parsed_again(infra: WorkingTree, butai: Butai, monkeypatch: pytest.MonkeyPatch) -> None:
    name = add(butai, infra)
    butai.inventory.read(name)
    infra.commit({"live/more.tf": 'resource "aws_sqs_queue" "more" {}'})
    parsed: list[str] = []

    def parse(content: bytes, file: str) -> Parsed:
        parsed.append(file)
        return parse_hcl(content, file)

    monkeypatch.setattr("butai.inventory.reading.parse_hcl", parse)
    butai.inventory.fetch_all(0)
    assert parsed == ["live/more.tf"]


def test_one_that_cannot_be_read_says_why_and_the_others_stand(
    butai: Butai, infra: WorkingTree, tmp_path: Path
) -> None:
    gone = WorkingTree(tmp_path / "gone")
    gone.commit({"main.tf": ""})
    add(butai, gone)
    add(butai, infra)
    shutil.rmtree(gone.path)
    butai.inventory.fetch_all(0)
    first, second = butai.inventory.list()
    assert first.name == "gone" and "There is no folder" in first.failure and first.commit
    assert not second.failure and second.counts is not None and second.counts.resources == 1
    # What was fetched before can still be looked at.
    assert butai.inventory.read("gone").commit == first.commit


def test_a_ref_that_went_is_said(butai: Butai, infra: WorkingTree) -> None:
    infra.branch("next")
    infra.commit({"live/more.tf": ""})
    infra.git("switch", "--quiet", "main")
    name = add(butai, infra, ref="next")
    infra.git("branch", "-D", "next")
    butai.inventory.fetch_all(0)
    assert "no branch or tag `next`" in butai.inventory.get(name).failure


def test_a_source_is_shown_only_of_files_that_the_map_knows(butai: Butai, infra: WorkingTree) -> None:
    name = add(butai, infra)
    source = butai.inventory.source(name, "live/main.tf")
    assert source.lines[0] == 'resource "aws_sqs_queue" "calls" {'
    assert source.nodes == {1: "live:aws_sqs_queue.calls", 4: "live:var.name"}
    assert butai.inventory.source(name, "live/live.tfvars").lines == ['name = "calls"']
    for other in ("notes.md", "../our-infra/live/main.tf", ".git/config", ""):
        with pytest.raises(NotFoundError):
            butai.inventory.source(name, other)
    with pytest.raises(WrongUseError, match="no commit"):
        butai.inventory.source(name, "live/main.tf", "--output=x")
    with pytest.raises(NotFoundError):
        butai.inventory.source(name, "live/main.tf", "0" * 40)


def test_what_a_view_is_about_has_to_be_there(butai: Butai, infra: WorkingTree) -> None:
    name = add(butai, infra)
    with pytest.raises(NotFoundError, match=r"no `live:aws_sqs_queue\.gone`"):
        butai.inventory.map(name, View(focus="live:aws_sqs_queue.gone"))
    with pytest.raises(NotFoundError) as raised:
        butai.inventory.map(name, View(node="old:aws_sqs_queue.calls"))
    assert "live:aws_sqs_queue.calls" in raised.value.next


def test_a_picture_is_drawn_once_for_a_graph_whatever_the_commit(butai: Butai, infra: WorkingTree) -> None:
    name = add(butai, infra)
    first = butai.inventory.map(name, View()).picture
    assert butai.inventory.map(name, View(search="calls", colour=Colour.AGE)).picture is first
    infra.commit({"notes.md": "another commit, the same graph"})
    butai.inventory.fetch_all(0)
    assert butai.inventory.map(name, View()).picture is first
    assert butai.inventory.map(name, View(shut=("live",))).picture is not first


def test_history_and_figures_come_from_whoever_knows_them(butai: Butai, infra: WorkingTree) -> None:
    changes = Changes(now(), now(), 12, 12, 12)
    inventory = Inventory(
        butai.database, butai.blueprints, butai.data, now,
        history=lambda _repository, _commit, graph: dict.fromkeys(graph.nodes, changes),
        figures={Colour.COST: lambda _repository, _commit, _graph: {"live:aws_sqs_queue.calls": 120.0}},
    )  # fmt: skip
    name = add(butai, infra)
    daily = inventory.first_page(name).look.daily
    assert daily is not None and [each.node.id for each in daily] == ["live:aws_sqs_queue.calls"]
    tones = {each.card.id: each.tone for each in inventory.map(name, View(colour=Colour.COST)).rows}
    assert tones["live:aws_sqs_queue.calls"] == tones["live"] == "step-3" and tones["live:var.name"] == "unknown"
    assert {each.tone for each in inventory.map(name, View(colour=Colour.AGE)).rows} == {"step-0"}
    assert {each.tone for each in butai.inventory.map(name, View(colour=Colour.AGE)).rows} == {"unknown"}


def test_many_who_look_at_once_read_once(infra: WorkingTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository(str(infra.path), tmp_path / "mirror")
    repository.fetch()
    commit = repository.resolve("main")
    asked: list[str] = []
    whole = Repository.list_tree

    def list_tree(self: Repository, commit: str) -> bytes:
        asked.append(commit)
        return whole(self, commit)

    monkeypatch.setattr(Repository, "list_tree", list_tree)
    graphs, found = Graphs(), []
    threads = [
        threading.Thread(target=lambda: found.append(graphs.newest(repository, "main", commit))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == [commit] and len({id(each) for each in found}) == 1 and len(found) == 8
