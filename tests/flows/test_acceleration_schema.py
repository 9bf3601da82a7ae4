"""The real provider's description of itself, whole and trimmed, and a real configuration with files in the run's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from butai.terraform.accelerator.protocol import names, trimmed
from support.moto_process import Moto, running_moto
from support.variants import again
from support.ways import AWS, Host, Way, address_of, aws_provider

TYPES = frozenset({"aws_cloudwatch_log_group", "aws_region", "arn_parse"})
USES_THEM = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
provider "aws" {
  region = "ap-northeast-1"
%s
}
data "aws_region" "here" {}
resource "aws_cloudwatch_log_group" "this" {
  name = "/${data.aws_region.here.name}"
}
output "account" {
  value = provider::aws::arn_parse(aws_cloudwatch_log_group.this.arn).account_id
}
"""
APPLY = ("apply", "-auto-approve", "-input=false", "-no-color")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Moto]:
    with running_moto(tmp_path) as moto:
        yield moto


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path / "data")
    yield made
    made.close()


def _schema(host: Host, root: Path, *, trim: bool) -> bytes:
    with host.let_in(root, {}, trim=trim) as sockets, grpc.insecure_channel(
        f"unix:{address_of(sockets)}", options=[("grpc.max_receive_message_length", -1)]
    ) as channel:  # fmt: skip
        called: Any = channel.unary_unary("/tfplugin5.Provider/GetSchema")
        answer: bytes = called(b"", timeout=60)
        return answer


def test_a_schema_of_three_types_is_all_that_the_engine_needs_for_them(tmp_path: Path, host: Host, cloud: Moto) -> None:
    way = Way(tmp_path / "root", cloud.env(), host)
    way.engine.write(USES_THEM % "")
    way.engine.init()
    whole, part = (_schema(host, way.folder, trim=each) for each in (False, True))
    assert len(whole) > 4_000_000 and len(names(whole)) > 1500
    assert trimmed(whole, names(whole)) == whole
    assert names(part) == TYPES and part == trimmed(whole, TYPES) and len(part) < len(whole) / 20
    assert 'account = "123456789012"' in way.done(*APPLY)
    kept = [each.stat().st_size for each in (tmp_path / "data" / "providers" / "descriptions").iterdir()]
    assert sorted(kept)[-1] == len(whole) and aws_provider().source == AWS


@again
def test_keys_in_a_file_of_the_runs_folder(tmp_path: Path, host: Host, cloud: Moto) -> None:
    """A shared process would look for it in its own folder."""
    keys = cloud.keys_of("222222222222")
    env = {name: value for name, value in cloud.env().items() if "KEY" not in name}
    way = Way(tmp_path / "root", env, host)
    way.engine.write(USES_THEM % '  shared_credentials_files = ["./keys"]\n  profile = "other"')
    lines = [f"{name.lower()} = {value}" for name, value in keys.items()]
    (way.folder / "keys").write_text("\n".join(["[other]", *lines, ""]))
    way.engine.init()
    assert 'account = "222222222222"' in way.done(*APPLY)
    assert "No changes" in way.done("plan", "-input=false", "-no-color")
