"""Blueprints out of real repositories: adding, refreshing, reading at a commit, and every reason to refuse."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from butai.blueprints.service import AtCommit, BlueprintError, Blueprints
from butai.datafolder import DataFolder
from butai.db import Database
from butai.errors import ButaiError, NotFoundError, RefusedError, WrongUseError
from butai.git.locations import LocationError
from butai.git.process import NoSuchRefError, NoSuchRepositoryError
from support.repository import WorkingTree
from support.rows import new_database

ROOT = """\
variable "environment" { type = string }
variable "web_image" { type = string }
variable "size" {
  type    = number
  default = 1
}
resource "aws_ecs_service" "web" {
  name = "ivr-${var.environment}"
}
output "url" { value = "http://${var.environment}.ivr.localhost" }
"""
YAML = """\
version: 1
name: ivr
region: ap-northeast-1
environment_variable: environment
services:
  web: {repository: ../ivr-web, variable: web_image, image: "web:{commit}", ecs_service: aws_ecs_service.web}
urls: {web: url}
leases:
  subdomain: {subdomain: ivr.localhost}
"""
FILES = {
    "staging/main.tf": ROOT,
    "staging/butai.yaml": YAML,
    "modules/x/main.tf": "",
    "staging/.terraform.lock.hcl": "# lock\n",
}
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@dataclasses.dataclass
class Clock:
    """A clock that goes on a minute with each look."""

    time: datetime = START

    def __call__(self) -> datetime:
        self.time += timedelta(minutes=1)
        return self.time


WORKSPACES = "state: {s3: {bucket: team-states, key: shop.tfstate, use_lockfile: true}}\n"


@pytest.fixture
def infra(tmp_path: Path) -> WorkingTree:
    tree = WorkingTree(tmp_path / "team" / "ivr-infra")
    tree.commit(FILES, "Staging as code")
    return tree


@pytest.fixture
def web(tmp_path: Path) -> WorkingTree:
    tree = WorkingTree(tmp_path / "team" / "ivr-web")
    tree.commit({"app.py": "1"}, "Start")
    tree.branch("blue-banner")
    tree.commit({"app.py": "2"}, "Make it blue")
    tree.git("switch", "--quiet", "main")
    return tree


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = new_database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def blueprints(database: Database, tmp_path: Path) -> Blueprints:
    return Blueprints(database, DataFolder(tmp_path / "data"), Clock())


def test_a_repository_with_one_butai_yaml(blueprints: Blueprints, infra: WorkingTree) -> None:
    added = blueprints.add(str(infra.path))
    assert (added.name, added.ref, added.root) == ("ivr", "main", "staging")
    assert added.commit == infra.git("rev-parse", "main")
    assert added.repository == str(infra.path)
    assert added.services["web"].repository == "../ivr-web"
    assert added.pools == ["subdomain"]
    assert added.added_at.tzinfo is UTC
    assert blueprints.list() == [added] == [blueprints.get("ivr")]


def test_a_folder_inside_a_repository_says_which_root(blueprints: Blueprints, infra: WorkingTree) -> None:
    infra.commit({"other/butai.yaml": YAML, "other/main.tf": ROOT})
    assert blueprints.add(str(infra.path / "staging")).root == "staging"
    assert blueprints.add(str(infra.path / "other"), name="other").root == "other"
    assert blueprints.add(str(infra.path), name="third", root="./other/").root == "other"


def test_several_roots_are_listed(blueprints: Blueprints, infra: WorkingTree) -> None:
    infra.commit({"butai.yaml": YAML, "main.tf": ROOT})
    with pytest.raises(WrongUseError) as caught:
        blueprints.add(str(infra.path))
    assert caught.value.code == "several-roots"
    assert "., staging" in caught.value.what
    assert blueprints.add(str(infra.path), root=".").root == ""
    with pytest.raises(NotFoundError) as unknown:
        blueprints.add(str(infra.path), root="stagin")
    assert unknown.value.next == "Did you mean `staging`?"


def test_without_a_butai_yaml(blueprints: Blueprints, infra: WorkingTree) -> None:
    (infra.path / "staging" / "butai.yaml").rename(infra.path / "butai.yaml.old")
    infra.commit({})
    with pytest.raises(NotFoundError) as caught:
        blueprints.add(str(infra.path))
    assert caught.value.code == "no-butai-yaml"
    assert "butai init" in caught.value.next
    (infra.path / "staging" / "butai.yaml").write_text(YAML)
    with pytest.raises(NotFoundError) as uncommitted:
        blueprints.add(str(infra.path / "staging"))
    assert uncommitted.value.code == "not-committed"


def test_names(blueprints: Blueprints, infra: WorkingTree) -> None:
    infra.commit({"staging/butai.yaml": YAML.replace("name: ivr\n", "")})
    assert blueprints.add(str(infra.path)).name == "ivr-infra"
    with pytest.raises(RefusedError) as caught:
        blueprints.add(str(infra.path))
    assert caught.value.code == "name-taken"
    for wrong in ("No", "a'b", "x: y", "-", "a\nb"):
        with pytest.raises(WrongUseError) as bad:
            blueprints.add(str(infra.path), name=wrong)
        assert bad.value.where == "name"
    assert [each.name for each in blueprints.list()] == ["ivr-infra"]


def test_unknown_names_get_the_nearest(blueprints: Blueprints, infra: WorkingTree) -> None:
    with pytest.raises(NotFoundError, match="butai blueprint add"):
        blueprints.get("ivr")
    blueprints.add(str(infra.path))
    with pytest.raises(NotFoundError, match="Did you mean `ivr`"):
        blueprints.get("ivrr")


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("ivr-infra", LocationError),
        ("https://me:hunter2@host.invalid/x", LocationError),
        ("/nonexistent/ivr", NoSuchRepositoryError),
    ],
)
def test_places_that_are_no_repository(blueprints: Blueprints, location: str, kind: type[ButaiError]) -> None:
    with pytest.raises(kind) as caught:
        blueprints.add(location)
    assert "hunter2" not in str(caught.value)


def test_a_folder_without_git(blueprints: Blueprints, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(NoSuchRepositoryError):
        blueprints.add(str(tmp_path / "plain"))


def test_a_ref(blueprints: Blueprints, infra: WorkingTree) -> None:
    infra.branch("next")
    commit = infra.commit({"staging/butai.yaml": YAML.replace("ap-northeast-1", "eu-west-1")})
    infra.git("switch", "--quiet", "main")
    added = blueprints.add(str(infra.path), ref="next")
    assert (added.ref, added.region, added.commit) == ("next", "eu-west-1", commit)
    with pytest.raises(NoSuchRefError, match="Did you mean `next`"):
        blueprints.add(str(infra.path), ref="nxt", name="other")


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        (
            {"staging/butai.yaml": YAML + "servces: {}\n"},
            "bad-blueprint",
            "staging/butai.yaml:10:1: `servces` is no key",
        ),
        (
            {"staging/butai.yaml": b"version: 1\n\xff\n"},
            "bad-blueprint",
            "staging/butai.yaml:2:1: The file is not UTF-8.",
        ),
        (
            {"staging/butai.yaml": YAML.replace("url}", "x}")},
            "bad-blueprint",
            "staging/butai.yaml:7:13: The root has no output",
        ),
        ({"staging/main.tf": ROOT + 'variable "zone" {}\n'}, "bad-blueprint", "variable `zone` has no default"),
        ({"staging/main.tf": ROOT.replace('"url" {', '"url" {{{')}, "bad-blueprint", "staging/main.tf:10:"),
        (
            {"staging/x.tf": "locals {\n  n = terraform.workspace\n}\n"},
            "workspace-used",
            "staging/x.tf:2: The root reads",
        ),
        (
            {
                "staging/x.tf": 'module "x" { source = "../modules/x" }\n',
                "modules/x/main.tf": 'output "n" { value = terraform.workspace }',
            },
            "workspace-used",
            "modules/x/main.tf:1",
        ),
        (
            {"staging/butai.yaml": YAML.replace("environment_variable: environment\n", "") + WORKSPACES},
            "bad-blueprint",
            "variable `environment` has no default",
        ),
        (
            {
                "staging/butai.yaml": YAML.replace("environment_variable: environment\n", "") + WORKSPACES,
                "staging/terraform.tfvars": 'environment = "x"\n',
            },
            "no-name-taken",
            "Nothing in this root takes the environment's name.",
        ),
        ({"x.zip": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"}, "git-lfs", "x.zip"),
    ],
)
def test_what_is_refused_at_the_door(
    blueprints: Blueprints, infra: WorkingTree, files: dict[str, str | bytes], code: str, said: str
) -> None:
    infra.commit(files)
    with pytest.raises(ButaiError) as caught:
        blueprints.add(str(infra.path))
    assert caught.value.code == code
    assert said in str(caught.value)
    if code == "workspace-used":
        assert "`var.environment`" in caught.value.next and "`state: s3: key`" in caught.value.next
    assert blueprints.list() == []


def test_a_root_that_reads_its_workspace_comes_in_where_environments_are_workspaces(
    blueprints: Blueprints, infra: WorkingTree
) -> None:
    infra.commit({"staging/butai.yaml": YAML + WORKSPACES, "staging/x.tf": "locals {\n  n = terraform.workspace\n}\n"})
    assert blueprints.add(str(infra.path)).name == "ivr"


def test_what_the_roots_own_variable_files_set_needs_no_other_value(blueprints: Blueprints, infra: WorkingTree) -> None:
    infra.commit({"staging/main.tf": ROOT + 'variable "zone" {}\n', "staging/terraform.tfvars": 'zone = "a"\n'})
    assert blueprints.add(str(infra.path)).name == "ivr"


def test_refresh_takes_the_newest_commit(blueprints: Blueprints, infra: WorkingTree) -> None:
    added = blueprints.add(str(infra.path))
    commit = infra.commit({"staging/butai.yaml": YAML.replace("ap-northeast-1", "eu-west-1")})
    refreshed = blueprints.refresh("ivr")
    assert (refreshed.commit, refreshed.region) == (commit, "eu-west-1")
    assert refreshed.added_at == added.added_at
    assert refreshed.refreshed_at > added.refreshed_at
    assert blueprints.newest("ivr") == commit


def test_a_refresh_that_fails_keeps_what_was(blueprints: Blueprints, infra: WorkingTree) -> None:
    added = blueprints.add(str(infra.path))
    infra.commit({"staging/butai.yaml": "broken"})
    with pytest.raises(BlueprintError):
        blueprints.refresh("ivr")
    assert blueprints.get("ivr") == added


def test_a_blueprint_in_use_is_not_removed(blueprints: Blueprints, infra: WorkingTree) -> None:
    blueprints.add(str(infra.path))
    with pytest.raises(RefusedError, match="qa-1, qa-2") as caught:
        blueprints.remove("ivr", used_by=lambda name: ["qa-1", "qa-2"] if name == "ivr" else [])
    assert caught.value.code == "blueprint-in-use"
    blueprints.remove("ivr", used_by=lambda _: [])
    assert blueprints.list() == []
    with pytest.raises(NotFoundError):
        blueprints.remove("ivr", used_by=lambda _: [])


def test_at_a_commit(blueprints: Blueprints, infra: WorkingTree) -> None:
    first = blueprints.add(str(infra.path)).commit
    second = infra.commit({"staging/butai.yaml": YAML.replace("ap-northeast-1", "eu-west-1")})
    at = blueprints.at_commit("ivr", first)
    assert isinstance(at, AtCommit)
    assert (at.name, at.commit, at.root_path, at.lock_file) == ("ivr", first, "staging", "# lock\n")
    assert at.blueprint.region == "ap-northeast-1"
    assert set(at.root.variables) == {"environment", "web_image", "size"}
    # Not yet in the mirror: it is fetched.
    assert blueprints.at_commit("ivr", second).blueprint.region == "eu-west-1"
    with pytest.raises(NoSuchRefError, match="pushed"):
        blueprints.at_commit("ivr", "0" * 40)


def test_export_of_a_commit_on_a_machine_without_the_mirror(
    blueprints: Blueprints, infra: WorkingTree, database: Database, tmp_path: Path
) -> None:
    commit = blueprints.add(str(infra.path)).commit
    elsewhere = Blueprints(database, DataFolder(tmp_path / "other-machine"), Clock())
    elsewhere.export("ivr", commit, tmp_path / "run" / "tree")
    assert (tmp_path / "run" / "tree" / "staging" / "butai.yaml").read_text() == YAML
    assert (tmp_path / "run" / "tree" / "modules" / "x" / "main.tf").exists()


def test_commits_of_the_blueprints_own_repository(blueprints: Blueprints, infra: WorkingTree) -> None:
    first = blueprints.add(str(infra.path)).commit
    second = infra.commit({"x": "y"})
    assert blueprints.resolve("ivr", "main", fetch=False) == first
    assert blueprints.resolve("ivr", first) == first
    assert blueprints.newest("ivr") == second
    assert blueprints.resolve("ivr", "main") == second


def test_a_services_branches_and_commits(blueprints: Blueprints, infra: WorkingTree, web: WorkingTree) -> None:
    blueprints.add(str(infra.path))
    assert [branch.name for branch in blueprints.branches("ivr", "web")] == ["blue-banner", "main"]
    assert [branch.name for branch in blueprints.branches("ivr", "web", "make BLUE")] == ["blue-banner"]
    pushed = web.commit({"app.py": "3"}, "A second later")
    assert blueprints.commit_of("ivr", "web", "main") == pushed
    assert blueprints.commit_of("ivr", "web", "blue-banner") == web.git("rev-parse", "blue-banner")
    commit = web.git("rev-parse", "main")
    assert blueprints.commit_of("ivr", "web", commit) == commit
    with pytest.raises(NoSuchRefError, match="Did you mean `blue-banner`"):
        blueprints.commit_of("ivr", "web", "blue-baner")
    with pytest.raises(NotFoundError, match="Did you mean `web`"):
        blueprints.branches("ivr", "wep")


def test_how_a_services_commit_stands_beside_its_default_branch(
    blueprints: Blueprints, infra: WorkingTree, web: WorkingTree
) -> None:
    blueprints.add(str(infra.path / "staging"))
    base = web.git("rev-parse", "main").strip()
    web.branch("feature")
    web.commit({"a": "1"}, "One")
    feature = web.commit({"a": "2"}, "Two")
    web.git("switch", "--quiet", "main")
    main = web.commit({"b": "1"}, "On main")
    blueprints.branches("ivr", "web")
    standing = blueprints.standing("ivr", "web", feature)
    assert standing is not None and (standing.ahead, standing.behind) == (2, 1)
    assert abs((standing.committed_at - datetime.now(UTC)).total_seconds()) < 10**9
    for commit, counts in ((base, (0, 1)), (main, (0, 0))):
        found = blueprints.standing("ivr", "web", commit)
        assert found is not None and (found.ahead, found.behind) == counts
    assert blueprints.standing("ivr", "web", "f" * 40) is None
    assert blueprints.standing("ivr", "wbe", main) is None and blueprints.standing("ivr", "web", "") is None


def test_the_example_that_is_delivered(blueprints: Blueprints, tmp_path: Path) -> None:
    example = Path(__file__).parents[3] / "examples" / "ivr" / "infra"
    tree = WorkingTree(tmp_path / "example")
    files = {str(path.relative_to(example)): path.read_bytes() for path in example.rglob("*") if path.is_file()}
    tree.commit({name: content for name, content in files.items() if "/.terraform" not in name})
    added = blueprints.add(str(tree.path))
    assert added.root == "staging"
    assert set(added.services) == {"web", "api", "worker"}
