"""Things that somebody made by hand, taken into a state by blocks and code that Butai writes: real terraform, moto and the
local cloud. Afterwards the state knows all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from butai.aws.existing import Existing, Survey, survey
from butai.aws.existing_kinds import KINDS
from butai.aws.session import Access, session_for
from butai.inventory.coverage import Coverage, Share, coverage
from butai.inventory.generated import Generated, mended
from butai.inventory.imports import Imports, imports
from butai.terraform.state_index import index
from support.account import REGION, make_account, make_containers, make_network
from support.cloud import Cloud, running_cloud
from support.engine import Engine
from support.moto_process import Moto, running_moto

ROOT = """\
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  s3_use_path_style = true
}
"""
NOT_TRIED = {
    "aws_lambda_function": "AWS does not give its code back: a person has to say where it is",
    "aws_elasticache_replication_group": "moto makes none of the clusters of which it says that they are its members",
    "aws_rds_cluster": "moto tells of a scaling that was never asked for",
    "aws_ecs_service": "moto forgets fields that the local cloud has: told there",
}
# The provider's own settings, of which AWS knows nothing: an import leaves them empty, and the first apply writes them down.
OWN_SETTINGS = {"recovery_window_in_days", "force_overwrite_replica_secret"}
STRANGE = 'busy: ${cpu} > "80" %{if}\\'


@dataclass
class Seen:
    """What came of one cloud's things."""

    blocks: Imports
    generated: Generated
    changes: dict[str, list[str]] = field(default_factory=dict)
    covered: Coverage | None = None


def look(*kinds: str) -> Survey:
    return survey(session_for(Access(REGION)), [REGION], [each for each in KINDS if not kinds or each.type in kinds])


def take_in(folder: Path, cloud: Cloud | Moto, chosen: list[Existing]) -> tuple[Engine, Seen]:
    """Blocks, code, and a plan with both."""
    engine = Engine(folder / "root", cloud.env if isinstance(cloud, Cloud) else cloud.env())
    engine.write(ROOT)
    blocks = imports(chosen)
    (engine.folder / "imports.tf").write_text(blocks.hcl)
    engine.init()
    generated = mended(engine.generate())
    by_hand = generated.hcl
    for address, name in generated.unfinished.items():
        head = 'resource "{}" "{}" {{\n'.format(*address.split("."))
        assert head in by_hand
        by_hand = by_hand.replace(head, f'{head}  {name} = "v"\n')
    (engine.folder / "generated.tf").write_text(by_hand)
    return engine, Seen(blocks, generated, engine.changes())


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("imports")
    with running_moto(folder) as moto, pytest.MonkeyPatch.context() as patch:
        for name, value in moto.env().items():
            patch.setenv(name, value)
        make_account(moto.client)
        numbers = {"MetricName": "CPUUtilization", "Namespace": "AWS/ECS", "Period": 60, "Statistic": "Average"}
        moto.client("cloudwatch").put_metric_alarm(
            AlarmName=STRANGE, ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1, Threshold=0.0, **numbers
        )
        chosen = [each for each in look().items if not each.by_aws and each.kind not in NOT_TRIED]
        engine, seen = take_in(folder, moto, chosen)
        engine.apply_what_was_planned()
        state = index((engine.folder / "terraform.tfstate").read_bytes())
        seen.covered = coverage([look()], {"base": state})
        yield seen


def test_nothing_is_changed_by_taking_it_in(seen: Seen) -> None:
    [(address, told)] = seen.changes.items()
    assert address == "aws_secretsmanager_secret.by_hand"
    assert {re.split(r"\W", each, maxsplit=1)[0] for each in told} == {"update", *OWN_SETTINGS}


def test_every_kind_is_tried_or_it_is_said_why_not(seen: Seen) -> None:
    in_moto = {each.type for each in KINDS} - {"aws_cloudwatch_composite_alarm"}
    assert {each.existing.kind for each in seen.blocks.blocks} == in_moto - NOT_TRIED.keys()
    assert seen.generated.unfinished == {"aws_ssm_parameter.by_hand": "value"}


def test_a_name_that_looks_like_code_is_a_name(seen: Seen) -> None:
    [block] = [each for each in seen.blocks.blocks if each.existing.id == STRANGE]
    assert block.to == "aws_cloudwatch_metric_alarm.busy_cpu_80_if"


def test_the_state_knows_all_that_was_taken_in_and_the_rest_is_unmanaged(seen: Seen) -> None:
    covered = seen.covered
    assert covered is not None and covered.gone == ()
    assert {each.kind for each in covered.unmanaged} == NOT_TRIED.keys()
    assert covered.total == Share(len(seen.blocks.blocks), len(NOT_TRIED))
    assert covered.by_kind["aws_vpc"].percent == 100 and covered.by_kind["aws_ecs_service"].percent == 0


def test_a_service_of_ecs_is_taken_in_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_cloud(tmp_path) as cloud:
        for name, value in cloud.env.items():
            monkeypatch.setenv(name, value)
        made = make_containers(cloud.client, make_network(cloud.client("ec2")))
        chosen = list(look("aws_ecs_service", "aws_ecs_cluster", "aws_ecs_task_definition").items)
        assert {each.id for each in chosen} < set(made.values())
        _, seen = take_in(tmp_path, cloud, chosen)
        assert (len(seen.blocks.blocks), seen.changes) == (3, {})
