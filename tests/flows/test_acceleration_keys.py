"""Credentials that expire in the middle of a run are renewed by a shared provider as by one of a run's own.

The run takes more than ten seconds: the provider waits that long before it looks at a new ECS cluster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.moto_process import Moto, running_moto
from support.short_keys import KeyWatch, key_until, short_profile
from support.variants import again
from support.ways import Host, Way

KEYS_LAST_S = 5
ROOT = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
provider "aws" {
  region = "ap-northeast-1"
}
data "aws_cloudwatch_log_groups" "there" {}
resource "aws_ecs_cluster" "slow" {
  name = "slow"
}
resource "aws_cloudwatch_log_group" "last" {
  name       = "/last"
  depends_on = [aws_ecs_cluster.slow]
}
"""
FLAGS = ("-auto-approve", "-input=false", "-no-color")


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[KeyWatch]:
    with running_moto(tmp_path) as moto:
        made = KeyWatch(moto.endpoint)
        yield made
        made.close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path / "data")
    yield made
    made.close()


def configured(host: Host) -> int:
    return len([each for each in (host.client.status() or {})["providers"] if each["configured"]])


@pytest.mark.parametrize("shared", [True, pytest.param(False, marks=again)])
def test_keys_that_expire_during_a_run_are_renewed(tmp_path: Path, watch: KeyWatch, host: Host, shared: bool) -> None:
    env = Moto(watch.url).env(short_profile(tmp_path, KEYS_LAST_S))
    way = Way(tmp_path / "root", env, host if shared else None)
    way.engine.write(ROOT)
    way.engine.init()
    begun = time.monotonic()
    way.done("apply", *FLAGS)
    assert time.monotonic() - begun > 2 * KEYS_LAST_S
    during = [each.key for each in watch.uses]
    assert 2 <= len(set(during)) < len(during), "several keys, and each for more than one request"
    time.sleep(KEYS_LAST_S)
    way.done("destroy", *FLAGS)
    assert watch.uses[-1].key not in during
    assert not any(each.refused for each in watch.uses)
    if shared:
        assert configured(host) == 1, "the same provider renewed them for both runs"
        assert not host.client.crashed_lately()


def test_a_run_that_brings_its_own_keys_never_asks_with_those_of_an_earlier_one(
    tmp_path: Path, watch: KeyWatch, host: Host
) -> None:
    """A role's keys are given to a run as variables, where nothing can renew them; a later run brings newer ones."""
    earlier, newer = key_until(time.time() + 600), key_until(time.time() + 1200)
    way = Way(tmp_path / "root", Moto(watch.url).env(earlier), host)
    way.engine.write(ROOT)
    way.engine.init()
    way.done("plan", *FLAGS[1:])
    watch.expired.add(earlier["AWS_ACCESS_KEY_ID"])
    assert "ExpiredToken" in way.run("plan", *FLAGS[1:])[1], "the AWS of this test refuses what has expired"
    before = len(watch.uses)
    Way(way.folder, Moto(watch.url).env(newer), host).done("plan", *FLAGS[1:])
    assert {each.key for each in watch.uses[before:]} == {newer["AWS_ACCESS_KEY_ID"]}
