"""What exists against what states hold: who knows what, what nobody knows, what is gone, and what is not judged."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.aws.existing import Existing, Survey
from butai.inventory.coverage import Coverage, Share, coverage
from butai.terraform.state_index import StateInstance

pytestmark = pytest.mark.model

ACCOUNT, REGION = "123456789012", "ap-northeast-1"


def arn(rest: str, region: str = REGION) -> str:
    return f"arn:aws:{rest.partition(':')[0]}:{region}:{ACCOUNT}:{rest.partition(':')[2]}"


def group(id_: str, region: str = REGION, *, by_aws: bool = False) -> Existing:
    named = arn(f"ec2:security-group/{id_}", region)
    return Existing(ACCOUNT, region, "aws_security_group", id_, named, id_, by_aws=by_aws)


def state_of(each: Existing, *, name: str = "x", **other: str) -> StateInstance:
    path = f"{each.kind}.{name}"
    known = StateInstance(path, path, each.kind, "managed", "", each.id, each.arn, each.region, each.account)
    return replace(known, **other)  # type: ignore[arg-type]


def survey(*items: Existing, listed: tuple[tuple[str, str], ...] = (("aws_security_group", REGION),)) -> Survey:
    return Survey(ACCOUNT, items, (), frozenset(listed))


def seen(*items: Existing, instances: tuple[StateInstance, ...] = (), **more: tuple[tuple[str, str], ...]) -> Coverage:
    return coverage([survey(*items, **more)], {"base": instances})


def ids(items: tuple[object, ...]) -> list[str]:
    return [each.existing.id for each in items]  # type: ignore[attr-defined]


def test_known_unknown_and_made_by_aws() -> None:
    known, unknown, own, taken_over = (
        group("sg-1"),
        group("sg-2"),
        group("sg-3", by_aws=True),
        group("sg-4", by_aws=True),
    )
    found = seen(known, unknown, own, taken_over, instances=(state_of(known), state_of(taken_over)))
    assert (ids(found.managed), ids(found.unmanaged), ids(found.by_aws)) == (["sg-1", "sg-4"], ["sg-2"], ["sg-3"])
    assert found.total == Share(2, 1) and found.total.percent == 66
    assert [one.state for one in found.managed[0].known] == ["base"]


def test_a_thing_that_two_states_hold_has_both() -> None:
    each = group("sg-1")
    found = coverage([survey(each)], {"one": [state_of(each)], "two": [state_of(each)]})
    assert [one.state for one in found.managed[0].known] == ["one", "two"]


def test_by_id_where_the_arn_does_not_tell() -> None:
    gateway = Existing(ACCOUNT, REGION, "aws_nat_gateway", "nat-1", arn("ec2:natgateway/nat-1"), "nat-1")
    newest = arn("ecs:task-definition/web:7")
    family = Existing(ACCOUNT, REGION, "aws_ecs_task_definition", "web", newest, "web")
    before = state_of(family, arn=arn("ecs:task-definition/web:3"))
    for known in (state_of(gateway, arn=""), state_of(gateway, arn="", region="", account="")):
        assert seen(gateway, family, instances=(known, before)).total == Share(2, 0)


def test_the_same_name_in_another_region_is_another_thing() -> None:
    here, there = (
        Existing(ACCOUNT, each, "aws_sqs_queue", "q", arn("sqs:q", each), "q") for each in (REGION, "us-east-1")
    )
    assert ids(seen(here, there, instances=(state_of(here, arn=""),)).unmanaged) == ["q"]
    unsure = seen(here, there, instances=(state_of(here, arn="", region=""),), listed=(("aws_sqs_queue", REGION),))
    assert (unsure.total, unsure.gone) == (Share(0, 2), ()), "either may be meant"


def test_another_type_of_the_provider_for_the_same_thing() -> None:
    own = group("sg-1", by_aws=True)
    for known in (
        state_of(own, type="aws_default_security_group"),
        state_of(own, type="aws_default_security_group", arn=""),
    ):
        assert ids(seen(own, instances=(known,)).managed) == ["sg-1"]


def test_what_only_tags_tell_of_has_the_type_that_its_state_tells() -> None:
    files = Existing(ACCOUNT, REGION, "elasticfilesystem:file-system", "fs-1", arn("elasticfilesystem:fs"), "fs-1")
    assert list(seen(files).by_kind) == ["elasticfilesystem:file-system"]
    assert seen(files, instances=(state_of(files, type="aws_efs_file_system"),)).by_kind == {
        "aws_efs_file_system": Share(1, 0)
    }


@pytest.mark.parametrize(
    ("other", "is_gone"),
    [
        ({}, True),
        ({"arn": "", "region": REGION}, True),
        ({"account": "210987654321"}, False),
        ({"account": ""}, False),
        ({"region": "us-east-1"}, False),
        ({"type": "aws_efs_file_system"}, False),
        ({"mode": "data"}, False),
    ],
)
def test_only_what_was_looked_for_is_gone(other: dict[str, str], is_gone: bool) -> None:
    found = seen(group("sg-1"), instances=(state_of(group("sg-9"), **other),))
    assert [one.instance.id for one in found.gone] == (["sg-9"] if is_gone else [])


def test_a_global_thing_is_gone_whatever_region_its_state_tells() -> None:
    bucket = Existing(ACCOUNT, REGION, "aws_s3_bucket", "b", "arn:aws:s3:::b", "b")
    assert seen(instances=(state_of(bucket),), listed=(("aws_s3_bucket", ""),)).gone


REGIONS = st.sampled_from([REGION, "us-east-1", ""])
THINGS = st.lists(
    st.tuples(st.integers(0, 30), REGIONS, st.booleans(), st.booleans()), max_size=12, unique_by=lambda each: each[0]
)


@given(THINGS)
def test_every_thing_is_in_one_place_and_the_shares_add_up(things: list[tuple[int, str, bool, bool]]) -> None:
    items = [group(f"sg-{number}", region, by_aws=by_aws) for number, region, by_aws, _ in things]
    held = tuple(state_of(each) for each, (_, _, _, known) in zip(items, things, strict=True) if known)
    found = seen(*items, instances=held)
    assert sorted(ids(found.managed + found.unmanaged + found.by_aws)) == sorted(each.id for each in items)
    assert sorted(ids(found.managed)) == sorted(each.id for each in held)
    for shares in (found.by_kind, found.by_region):
        assert sum(each.managed for each in shares.values()) == found.total.managed
        assert sum(each.unmanaged for each in shares.values()) == found.total.unmanaged
    percent = found.total.percent
    assert (percent == 100) is bool(found.managed and not found.unmanaged)
    assert (percent is None) is (not found.managed and not found.unmanaged)
