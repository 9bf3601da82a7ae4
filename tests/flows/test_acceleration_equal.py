"""Both ways do the same: what the engine says, plans, keeps and makes is equal, apart from times."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.moto_process import Moto, running_moto
from support.variants import again
from support.ways import Host, Way

ROOT = Path(__file__).parent / "ways_root"
REGIONS = ("ap-northeast-1", "us-east-1")
FLAGS = ("-input=false", "-no-color")
_TIMES = frozenset({"timestamp", "lineage", "creation_time", "creationTime", "LastModified", "LastModifiedDate"})
_SETS = frozenset({"relevant_attributes", "sensitive_attributes"})

PROTECTED = 'resource "aws_ssm_parameter" "protected" {\n  name  = "/protected"\n  type  = "String"\n  value = "x"\n'
PROTECTED += "  lifecycle {\n    prevent_destroy = true\n  }\n}\n"


class Both:
    """The same root twice, each with an AWS of its own."""

    def __init__(self, folder: Path, host: Host, clouds: tuple[Moto, Moto]) -> None:
        self.clouds = clouds
        self.ways = [
            Way(folder / name, cloud.env(), h) for name, cloud, h in zip(NAMES, clouds, (None, host), strict=True)
        ]

    def write(self, name: str, text: str | None) -> None:
        """A file of both; none removes it."""
        for each in self.ways:
            path = each.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Both do it; their words and what they kept are the same. What the first said."""
        said = []
        for each in self.ways:
            found, words = each.run(*arguments)
            assert found == code, words
            said.append(_told(words))
        assert said[0] == said[1]
        assert _plain(self.ways[0].state()) == _plain(self.ways[1].state())
        assert _contents(self.clouds[0]) == _contents(self.clouds[1])
        return "\n".join(said[0])

    def plan(self, *variables: str) -> dict[str, list[str]]:
        """Both plan to a file; the plans are the same. What the first would do, by address."""
        self.run("plan", "-out=p", *FLAGS, *variables)
        plans = [_plain(json.loads(each.done("show", "-json", *FLAGS[1:], "p"))) for each in self.ways]
        assert plans[0] == plans[1]
        return {each["address"]: each["change"]["actions"] for each in plans[0]["resource_changes"]}


NAMES = ("plain", "fast")


def _told(words: str) -> list[str]:
    """An engine's lines, in an order of their own: what goes on at once is told as it comes."""
    return sorted(re.sub(r"after \d+s|deposed object \w+", "", line) for line in words.splitlines())


def _plain(value: Any) -> Any:
    """A document without times, and with what the engine writes in any order in one."""
    if isinstance(value, dict):
        kept = {key: _plain(each) for key, each in value.items() if key not in _TIMES}
        return {key: sorted(each, key=json.dumps) if key in _SETS else each for key, each in kept.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _contents(cloud: Moto) -> Any:
    """What stands in a cloud."""
    s3 = cloud.client("s3")
    buckets = [each["Name"] for each in s3.list_buckets()["Buckets"]]
    found: dict[str, Any] = {each: s3.list_objects_v2(Bucket=each).get("Contents", []) for each in buckets}
    for region in REGIONS:
        logs, ssm = cloud.client("logs", region=region), cloud.client("ssm", region=region)
        for group in logs.describe_log_groups()["logGroups"]:
            group["tags"] = logs.list_tags_log_group(logGroupName=group["logGroupName"])["tags"]
            found[group["arn"]] = group
        for parameter in ssm.describe_parameters()["Parameters"]:
            name = parameter["Name"]
            value = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
            tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
            tags.sort(key=json.dumps)
            found[f"{region} {name}"] = {**parameter, "value": value, "tags": tags}
    return _plain(found)


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


@again
def test_a_root_with_much_of_what_there_is(both: Both, host: Host) -> None:
    """Data sources, modules for each, aliases, import, moved, lifecycle, functions, ephemeral and write-only values, files."""
    for way in both.ways:
        shutil.copytree(ROOT, way.folder, dirs_exist_ok=True)
    for cloud in both.clouds:
        cloud.client("ssm").put_parameter(Name="/made/by/hand", Type="String", Value="by hand")
        cloud.client("logs").create_log_group(logGroupName="/made/by/hand")
    both.write("x.txt", "first")
    for way in both.ways:
        way.engine.init()
    first = ("-var=stage=qa", "-var=services={web=7,api=14}")
    assert set(map(tuple, both.plan(*first).values())) == {("create",)}
    both.run("apply", *FLAGS, "p")
    cloud = _contents(both.clouds[1])
    assert [each for each in cloud if "us-east-1:123456789012:log-group:/us-east-1/web" in each], "the alias's region"
    assert cloud["ap-northeast-1 /written-only"]["value"] == "hunter2-qa!"
    assert "hunter2-qa!" not in json.dumps(both.ways[1].state())

    both.write("after.tf", (ROOT / "after.tf.later").read_text())
    both.write("before.tf", None)
    both.write("x.txt", "second")
    second = ("-var=stage=prod", "-var=services={web=30,batch=7,more=1}")
    planned = both.plan(*second)
    assert planned["aws_ssm_parameter.replaced"] == ["create", "delete"]
    assert planned["aws_cloudwatch_log_group.new_name"] == planned["aws_cloudwatch_log_group.imported"] == ["update"]
    both.run("apply", *FLAGS, "p")
    assert _contents(both.clouds[1])["files"][0]["Size"] == len("second")
    both.run("plan", "-detailed-exitcode", *FLAGS, *second)

    both.clouds[0].client("logs").delete_log_group(logGroupName="/moved")
    both.clouds[1].client("logs").delete_log_group(logGroupName="/moved")
    assert "has been deleted" in both.run("plan", "-refresh-only", "-detailed-exitcode", *FLAGS, *second, code=2)
    both.run("destroy", "-auto-approve", *FLAGS, *second)
    assert not [each for each in _contents(both.clouds[1]) if "by/hand" not in each]
    assert not host.client.crashed_lately()


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
        (PROVIDER % (REGIONS[0], "") + GROUP % "  retention_in_days = 2\n", "expected retention_in_days to be one of"),
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
def test_what_must_not_be_destroyed_is_not(tmp_path: Path, both: Both) -> None:
    both.write("main.tf", REQUIRED + PROTECTED)
    for way in both.ways:
        way.engine.init()
    both.run("apply", "-auto-approve", *FLAGS)
    assert "Instance cannot be destroyed" in both.run("destroy", "-auto-approve", *FLAGS, code=1)
