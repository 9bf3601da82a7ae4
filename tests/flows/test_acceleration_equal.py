"""Both ways do the same: what the engine says, plans, keeps and makes is equal, apart from ids that AWS makes up and times."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.comparing import Names, differences
from support.equal_cloud import REGIONS, Looks
from support.moto_process import Moto, running_moto
from support.variants import again
from support.ways import Host, Way

pytestmark = [pytest.mark.timeout(600)]

WAYS_ROOT, OTHERS = (Path(__file__).parent / name for name in ("ways_root", "equal_roots"))
FLAGS = ("-input=false", "-no-color")

PROTECTED = 'resource "aws_ssm_parameter" "protected" {\n  name  = "/protected"\n  type  = "String"\n  value = "x"\n'
PROTECTED += "  lifecycle {\n    prevent_destroy = true\n  }\n}\n"


class Side:
    """A root on one way, with an AWS of its own."""

    def __init__(self, folder: Path, cloud: Moto, host: Host | None) -> None:
        self.cloud, self.way = cloud, Way(folder, cloud.env(), host)
        self.looks, self.names = Looks(cloud), Names()

    def write(self, name: str, text: str | None) -> None:
        """A file of the root; none removes it."""
        path = self.way.folder / name
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)

    def run(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Do it. What was kept, what stands in the cloud then, and what was said."""
        found, words = self.way.run(*arguments)
        assert found == code, words
        return {
            "state": self.names.state(self.way.state()),
            "cloud": self.names.told(self.looks.contents(), "cloud", unordered=True),
            "said": self.names.words(words),
        }

    def planned(self) -> Any:
        """The plan in the file `p`."""
        return self.names.told(json.loads(self.way.done("show", "-json", "-no-color", "p")), "plan")


class Both:
    """The same root on both ways."""

    def __init__(self, folder: Path, host: Host, clouds: tuple[Moto, Moto]) -> None:
        self.plain, self.fast = self.sides = [
            Side(folder / name, cloud, each) for name, cloud, each in zip(NAMES, clouds, (None, host), strict=True)
        ]

    def copy(self, root: Path) -> None:
        """Take over a root's files, and get ready."""
        for side in self.sides:
            shutil.copytree(root, side.way.folder, dirs_exist_ok=True)
        self.init()

    def init(self) -> None:
        """Get ready."""
        for side in self.sides:
            side.way.engine.init()

    def write(self, name: str, text: str | None) -> None:
        """A file of both; none removes it."""
        for side in self.sides:
            side.write(name, text)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Both do it; their words, what they kept and what they made are the same. What was said."""
        plain, fast = (side.run(*arguments, code=code) for side in self.sides)
        assert differences(plain, fast) == []
        return "\n".join(plain["said"])

    def plan(self, *variables: str) -> dict[str, list[str]]:
        """Both plan to a file; the plans are the same. What would be done, by address."""
        self.run("plan", "-out=p", *FLAGS, *variables)
        plain, fast = (side.planned() for side in self.sides)
        assert differences(plain, fast) == []
        return {each["address"]: each["change"]["actions"] for each in plain["resource_changes"]}

    def contents(self) -> list[dict[str, Any]]:
        """What stands in each cloud, as it is."""
        return [side.looks.contents() for side in self.sides]


NAMES = ("plain", "fast")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    made = Host(tmp_path_factory.mktemp("data"))
    yield made
    made.close()


@pytest.fixture
def both(tmp_path: Path, host: Host) -> Iterator[Both]:
    with ExitStack() as stack:
        folders = [tmp_path / f"cloud-{each}" for each in NAMES]
        for each in folders:
            each.mkdir()
        plain, fast = (stack.enter_context(running_moto(each)) for each in folders)
        yield Both(tmp_path, host, (plain, fast))
    assert not host.client.crashed_lately()


@again
def test_a_root_with_much_of_what_there_is(both: Both) -> None:
    """Data sources, modules for each, aliases, import, moved, lifecycle, functions, ephemeral and write-only values, files."""
    empty = both.contents()
    for side in both.sides:
        side.cloud.client("ssm").put_parameter(Name="/made/by/hand", Type="String", Value="by hand")
        side.cloud.client("logs").create_log_group(logGroupName="/made/by/hand")
    both.write("x.txt", "first")
    both.copy(WAYS_ROOT)
    first = ("-var=stage=qa", "-var=services={web=7,api=14}")
    assert set(map(tuple, both.plan(*first).values())) == {("create",)}
    both.run("apply", *FLAGS, "p")
    tokyo, virginia = (both.fast.looks.contents()[region] for region in REGIONS)
    assert "/us-east-1/web" in virginia["logs"], "the alias's region"
    assert tokyo["ssm"]["/written-only"]["value"] == "hunter2-qa!"
    assert "hunter2-qa!" not in json.dumps(both.fast.way.state())

    both.write("after.tf", (WAYS_ROOT / "after.tf.later").read_text())
    both.write("before.tf", None)
    both.write("x.txt", "second")
    second = ("-var=stage=prod", "-var=services={web=30,batch=7,more=1}")
    planned = both.plan(*second)
    assert planned["aws_ssm_parameter.replaced"] == ["create", "delete"]
    assert planned["aws_cloudwatch_log_group.new_name"] == planned["aws_cloudwatch_log_group.imported"] == ["update"]
    both.run("apply", *FLAGS, "p")
    assert both.fast.looks.contents()["s3"]["files"][0]["Size"] == len("second")
    both.run("plan", "-detailed-exitcode", *FLAGS, *second)

    for side in both.sides:
        side.cloud.client("logs").delete_log_group(logGroupName="/moved")
    assert "has been deleted" in both.run("plan", "-refresh-only", "-detailed-exitcode", *FLAGS, *second, code=2)
    both.run("destroy", "-auto-approve", *FLAGS, *second)
    for side in both.sides:
        side.cloud.client("ssm").delete_parameter(Name="/made/by/hand")
    assert both.contents() == empty


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=again) for each in ("network", "access", "secrets", "tables")]
)
def test_roots_of_other_kinds(both: Both, name: str) -> None:
    """Made, changed, nothing left to plan, and gone."""
    empty = both.contents()
    both.copy(OTHERS / name)
    both.run("apply", "-auto-approve", *FLAGS, "-var=stage=first")
    assert all(stands != nothing for stands, nothing in zip(both.contents(), empty, strict=True))
    second = "-var=stage=second"
    assert set(map(tuple, both.plan(second).values())) != {("no-op",)}
    both.run("apply", *FLAGS, "p")
    both.run("plan", "-detailed-exitcode", *FLAGS, second)
    both.run("destroy", "-auto-approve", *FLAGS, second)
    assert both.contents() == empty
    assert both.fast.way.state()["resources"] == []


LANGUAGE = {
    "data sources": r'^data "',
    "modules for each": r'^module "\w+" \{\n +source[^\n]+\n +for_each',
    "aliases of providers": r"^  alias +=",
    "import": r"^import \{",
    "moved": r"^moved \{",
    "create before destroy": r"create_before_destroy += true",
    "ignored changes": r"ignore_changes +=",
    "prevented destruction": r"prevent_destroy += true",
    "replacement on demand": r"replace_triggered_by +=",
    "functions of the provider": r"provider::aws::",
    "ephemeral values": r'^ephemeral "',
    "write-only arguments": r"_wo +=",
}


def test_the_roots_have_everything_of_the_language_that_goes_to_a_provider() -> None:
    texts = [each.read_text() for root in (WAYS_ROOT, OTHERS) for each in root.rglob("*.tf*")]
    together = "\n".join([*texts, PROTECTED])
    assert [what for what, pattern in LANGUAGE.items() if not re.search(pattern, together, re.MULTILINE)] == []


PROVIDER = 'provider "aws" {\n  region = "%s"\n%s}\n'
REQUIRED = 'terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n    }\n  }\n}\n'
GROUP = 'resource "aws_cloudwatch_log_group" "this" {\n  name = "/x"\n%s}\n'


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        (PROVIDER % ("nowhere", "") + GROUP % "", "invalid AWS Region: nowhere"),
        pytest.param(
            PROVIDER % (REGIONS[0], '  shared_credentials_files = ["./none"]\n  profile = "none"\n') + GROUP % "",
            "failed to get shared config profile",
            marks=again,
        ),
        pytest.param(
            PROVIDER % (REGIONS[0], "") + GROUP % "  retention_in_days = 2\n",
            "expected retention_in_days to be one of",
            marks=again,
        ),
        pytest.param(
            PROVIDER % (REGIONS[0], "  no_such = 2\n") + GROUP % "",
            'An argument named "no_such" is not expected here',
            marks=again,
        ),
        pytest.param(
            PROVIDER % (REGIONS[0], "") + 'resource "aws_made_up" "x" {}\n',
            "does not support resource type",
            marks=again,
        ),
        pytest.param(
            PROVIDER % (REGIONS[0], "") + 'resource "aws_elasticache_clster" "x" {}\n', "Did you mean", marks=again
        ),
        pytest.param(
            PROVIDER % (REGIONS[0], "") + 'output "x" {\n  value = provider::aws::arn_pars("")\n}\n',
            "arn_pars",
            marks=again,
        ),
        pytest.param(
            PROVIDER % (REGIONS[0], "") + 'output "x" {\n  value = provider::aws::arn_parse("x")\n}\n', "invalid", marks=again
        ),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_the_same_words(tmp_path: Path, host: Host, configuration: str, words: str) -> None:
    nobody = Moto("http://127.0.0.1:9")
    said = []
    for name, shared in zip(NAMES, (None, host), strict=True):
        way = Way(tmp_path / name, nobody.env(), shared)
        way.engine.write(REQUIRED + configuration)
        way.engine.init()
        code, told = way.run("plan", *FLAGS)
        assert code == 1, told
        said.append(told)
    assert words in " ".join(re.sub("[│╷╵]", "", said[0]).split())
    assert said[0] == said[1]


@again
def test_what_must_not_be_destroyed_is_not(both: Both) -> None:
    both.write("main.tf", REQUIRED + PROTECTED)
    both.init()
    both.run("apply", "-auto-approve", *FLAGS)
    assert "Instance cannot be destroyed" in both.run("destroy", "-auto-approve", *FLAGS, code=1)
