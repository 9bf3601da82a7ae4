"""What a state tells of where things are: addresses, ids, ARNs, regions and accounts, and nothing that is secret."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.terraform.state import UnreadableStateError
from butai.terraform.state_index import Place, StateInstance, index, without_indexes

AWS = 'provider["registry.terraform.io/hashicorp/aws"]'
OTHER = f"{AWS}.virginia"
RANDOM = 'provider["registry.terraform.io/hashicorp/random"]'
ACCOUNT = "123456789012"


def document(*resources: dict[str, Any]) -> bytes:
    return json.dumps({"version": 4, "serial": 1, "lineage": "l", "resources": resources}).encode()


def resource(type_: str, name: str, attributes: dict[str, Any], *, provider: str = AWS, **more: Any) -> dict[str, Any]:
    instance: dict[str, Any] = {"attributes": attributes}
    instance |= {key: more.pop(key) for key in ("index_key", "status", "deposed") if key in more}
    marked = more.pop("sensitive", [])
    instance["sensitive_attributes"] = [[{"type": "get_attr", "value": each}] for each in marked]
    return {"mode": "managed", "type": type_, "name": name, "provider": provider, "instances": [instance], **more}


def arn(rest: str, region: str = "ap-northeast-1") -> str:
    return f"arn:aws:{rest.partition(':')[0]}:{region}:{ACCOUNT}:{rest.partition(':')[2]}"


def test_an_instance_has_its_address_its_path_and_its_place() -> None:
    balancer = arn("elasticloadbalancing:loadbalancer/app/main/1")
    raw = resource(
        "aws_lb", "main", {"id": balancer, "arn": balancer}, index_key=0, module='module.a["x.y[0]"]', status="tainted"
    )
    [found] = index(document(raw))
    assert found == StateInstance(
        address='module.a["x.y[0]"].aws_lb.main[0]',
        path="module.a.aws_lb.main",
        type="aws_lb",
        mode="managed",
        provider=AWS,
        id=balancer,
        arn=balancer,
        region="ap-northeast-1",
        account=ACCOUNT,
        tainted=True,
    )


def test_data_sources_and_deposed_instances_are_told_apart() -> None:
    read = resource("aws_vpc", "read", {"id": "vpc-1", "arn": arn("ec2:vpc/vpc-1")}, mode="data", module="module.a")
    old = resource("aws_vpc", "old", {"id": "vpc-2"}, deposed="1a2b3c4d")
    data, deposed = index(document(read, old))
    assert (data.address, data.path, data.mode) == ("module.a.data.aws_vpc.read",) * 2 + ("data",)
    assert (deposed.id, deposed.deposed) == ("vpc-2", "1a2b3c4d")


def test_what_has_no_arn_is_where_its_neighbours_of_the_same_provider_are() -> None:
    gateway = resource("aws_nat_gateway", "main", {"id": "nat-1"})
    vpc = resource("aws_vpc", "main", {"id": "vpc-1", "arn": arn("ec2:vpc/vpc-1")})
    far = resource("aws_vpc", "far", {"id": "vpc-2", "arn": arn("ec2:vpc/vpc-2", "us-east-1")}, provider=OTHER)
    here, _, _ = index(document(gateway, vpc, far))
    assert (here.region, here.account) == ("ap-northeast-1", ACCOUNT)
    mixed = resource("aws_vpc", "mixed", {"id": "vpc-3", "arn": arn("ec2:vpc/vpc-3", "us-east-1")})
    unsure, *_ = index(document(gateway, vpc, mixed))
    assert (unsure.region, unsure.account) == ("", ACCOUNT)
    told, *_ = index(document(gateway, vpc, mixed), {AWS: Place("eu-west-1", "210987654321")})
    assert (told.region, told.account) == ("eu-west-1", "210987654321")
    own, *_ = index(document(resource("aws_nat_gateway", "main", {"id": "nat-1", "region": "us-west-2"}), vpc))
    assert own.region == "us-west-2", "as version 6 of the provider keeps it"


def test_what_belongs_to_no_region_has_none() -> None:
    role = resource("aws_iam_role", "r", {"id": "r", "arn": arn("iam:role/r", "")})
    bucket = resource("aws_s3_bucket", "b", {"id": "b", "arn": "arn:aws:s3:::b", "region": "us-west-2"})
    vpc = resource("aws_vpc", "main", {"id": "vpc-1", "arn": arn("ec2:vpc/vpc-1")})
    found = index(document(role, bucket, vpc))
    assert [(each.region, each.account) for each in found[:2]] == [("", ACCOUNT), ("us-west-2", ACCOUNT)]


def test_a_log_groups_arn_is_the_same_from_every_version() -> None:
    group = resource("aws_cloudwatch_log_group", "g", {"id": "/g", "arn": arn("logs:log-group:/g:*")})
    assert index(document(group))[0].arn == arn("logs:log-group:/g")


def test_no_id_that_is_or_may_be_a_secret_is_kept() -> None:
    made_up = resource("random_string", "s", {"id": "hunter2", "result": "hunter2"}, provider=RANDOM)
    marked = resource("x_token", "t", {"id": "hunter2", "token": "hunter2"}, sensitive=["token"])
    asked = resource("http", "h", {"id": "https://x/?token=hunter2"}, mode="data")
    assert "hunter2" not in repr(index(document(made_up, marked, asked)))


SECRETS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8)


@given(st.dictionaries(st.sampled_from(["value", "password", "name", "tags", "policy"]), SECRETS))
def test_no_other_attribute_is_kept(attributes: dict[str, str]) -> None:
    found = repr(index(document(resource("aws_ssm_parameter", "p", {"id": "/p", **attributes}))))
    assert not any(each in found.replace("aws_ssm_parameter", "") for each in attributes.values())


@given(st.lists(st.text() | st.integers(0), min_size=1, max_size=3))
def test_an_address_without_its_indexes_is_the_one_in_code(keys: list[str | int]) -> None:
    with_keys = ".".join(f"module.m{number}[{json.dumps(key)}]" for number, key in enumerate(keys))
    without = ".".join(f"module.m{number}" for number in range(len(keys)))
    assert without_indexes(f"{with_keys}.aws_lb.main[{json.dumps(keys[0])}]") == f"{without}.aws_lb.main"


def test_nothing_is_in_a_state_that_was_never_written_and_other_bytes_are_refused() -> None:
    assert index(b"") == []
    for wrong in (b"x", b"[]", b'{"version": 3}', b'{"version": 4, "resources": [{"mode": "managed"}]}'):
        with pytest.raises(UnreadableStateError):
            index(wrong)


PARTS = st.sampled_from(
    ["mode", "instances", "type", "name", "module", "attributes", "provider", "sensitive_attributes"]
)
SCALAR = st.none() | st.integers() | st.sampled_from(["", "managed", "data", "x"])
INNER = st.dictionaries(PARTS, SCALAR | st.lists(SCALAR, max_size=2), max_size=4)


@given(st.lists(st.dictionaries(PARTS, SCALAR | INNER | st.lists(SCALAR | INNER, max_size=2), max_size=8), max_size=2))
def test_any_json_is_a_state_or_refused(resources: list[dict[str, Any]]) -> None:
    with contextlib.suppress(UnreadableStateError):
        index(document(*resources))
