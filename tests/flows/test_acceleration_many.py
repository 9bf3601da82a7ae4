"""Many runs through one host: every resource is where it belongs."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.moto_process import Moto, running_moto
from support.variants import again
from support.ways import Host, Way

ENVIRONMENTS, AT_ONCE = 16, 4
ACCOUNTS = ("111111111111", "222222222222")
REGIONS = ("ap-northeast-1", "us-east-1")
ROOT = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
variable "name" {
  type = string
}
variable "region" {
  type = string
}
variable "groups" {
  type = set(string)
}
provider "aws" {
  region = var.region
}
data "aws_caller_identity" "me" {}
data "aws_region" "here" {}
resource "aws_cloudwatch_log_group" "this" {
  for_each = var.groups
  name     = "/${var.name}/${each.key}"
  tags = {
    seen_by = data.aws_caller_identity.me.account_id
    seen_in = data.aws_region.here.name
  }
}
"""


@dataclass
class Environment:
    """One of them, and what is to stand in its place."""

    name: str
    account: str
    region: str
    way: Way
    groups: set[str] = field(default_factory=set)

    def change(self, groups: set[str]) -> None:
        """One run."""
        listed = "[" + ",".join(f'"{each}"' for each in sorted(groups)) + "]"
        variables = (f"-var=name={self.name}", f"-var=region={self.region}", f"-var=groups={listed}")
        if groups:
            self.way.done("apply", "-auto-approve", "-input=false", "-no-color", *variables)
        else:
            self.way.done("destroy", "-auto-approve", "-input=false", "-no-color", *variables)
        self.groups = groups

    def expected(self) -> set[tuple[str, str, str]]:
        """What stands, as names with the account and the region that its run saw."""
        return {(f"/{self.name}/{each}", self.account, self.region) for each in self.groups}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Moto]:
    with running_moto(tmp_path) as moto:
        yield moto


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path / "data")
    yield made
    made.close()


def _environments(folder: Path, cloud: Moto, host: Host) -> list[Environment]:
    keys = {each: cloud.keys_of(each) for each in ACCOUNTS}
    first = Way(folder / "init", {}, None)
    first.engine.write(ROOT)
    first.engine.init()
    found = []
    for number in range(ENVIRONMENTS):
        account, region = ACCOUNTS[number % 2], REGIONS[number // 2 % 2]
        folder_of_it = folder / f"e{number}"
        shutil.copytree(first.folder, folder_of_it, symlinks=True)
        # The region comes from the configuration; what is set here is another one, so that a mix would be seen.
        env = cloud.env(keys[account], region="eu-central-1")
        found.append(Environment(f"env-{number}", account, region, Way(folder_of_it, env, host)))
    return found


def _stands(cloud: Moto, account: str, region: str) -> set[tuple[str, str, str]]:
    logs = cloud.client("logs", cloud.keys_of(account), region)
    pages = logs.get_paginator("describe_log_groups").paginate()
    groups = [each for page in pages for each in page["logGroups"]]
    assert all(each["arn"].startswith(f"arn:aws:logs:{region}:{account}:") for each in groups)
    tags = [logs.list_tags_log_group(logGroupName=each["logGroupName"])["tags"] for each in groups]
    return {(each["logGroupName"], t["seen_by"], t["seen_in"]) for each, t in zip(groups, tags, strict=True)}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("runs", [16, pytest.param(200, marks=again)])
def test_random_runs_of_sixteen_environments_in_two_accounts_and_two_regions(
    tmp_path: Path, cloud: Moto, host: Host, runs: int
) -> None:
    source = random.Random(5)
    environments = _environments(tmp_path, cloud, host)
    places = [(account, region) for account in ACCOUNTS for region in REGIONS]
    for _ in range(-(-runs // ENVIRONMENTS)):
        wanted = [(each, {f"g{source.randrange(6)}" for _ in range(source.randint(0, 4))}) for each in environments]
        source.shuffle(wanted)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(each.change, groups) for each, groups in wanted]:
                done.result()
        for place in places:
            mine = [each for each in environments if (each.account, each.region) == place]
            assert _stands(cloud, *place) == set().union(*(each.expected() for each in mine))
    status = host.client.status()
    configured = [each for each in status["providers"] if each["configured"]] if status else []
    assert len(configured) == len(places), "one process for each account and region"
    assert not host.client.crashed_lately()
