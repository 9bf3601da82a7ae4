"""What exists in an account, against moto: one of every kind, many pages, two regions, throttled calls, calls not allowed."""

from __future__ import annotations

import json
from collections import Counter
from urllib.parse import parse_qs

import httpx
import pytest

from butai.aws.arn import parse_arn
from butai.aws.existing import TAGGED, Existing, Survey, survey
from butai.aws.existing_kinds import KINDS, Kind
from butai.aws.session import Access, AccessError, session_for
from support.account import REGION, make_account
from support.moto_process import Moto, moto, moto_server
from support.throttle import Throttle
from support.way import Asked, Way

__all__ = ["moto", "moto_server"]

OTHER = "us-east-1"
# moto cannot make one.
NOT_IN_MOTO = {"aws_cloudwatch_composite_alarm"}


class Gate(Way):
    """Counts the calls, and answers those that `refused` names as AWS does to who may not make them.

    A name with a `+` behind it refuses every page but the first.
    """

    def __init__(self, target: str, *refused: str) -> None:
        self.asked: Counter[str] = Counter()
        self._refused = refused
        super().__init__(target)

    def instead(self, asked: Asked) -> httpx.Response | None:
        action = asked.target.rpartition(".")[2] or parse_qs(asked.body.decode()).get("Action", [asked.path])[0]
        self.asked[action] += 1
        if action in self._refused or (f"{action}+" in self._refused and b"NextToken" in asked.body):
            content = json.dumps({"__type": "AccessDeniedException", "message": f"not authorized: {action}"})
            return httpx.Response(400, headers={"Content-Type": "application/x-amz-json-1.1"}, content=content.encode())
        return None


PAGE = b"<!DOCTYPE html>\n<html><head><title>Blocked</title></head><body>Ask your administrator<br></body></html>"


class Proxy(Way):
    """Answers one call with a page of its own."""

    def __init__(self, target: str, action: str, status: int) -> None:
        self.action, self.status, self.page = action, status, PAGE
        super().__init__(target)

    def instead(self, asked: Asked) -> httpx.Response | None:
        if self.action not in asked.target and self.action not in asked.body.decode():
            return None
        return httpx.Response(self.status, headers={"Content-Type": "text/html"}, content=self.page)


def look(*kinds: str, regions: tuple[str, ...] = (REGION,)) -> Survey:
    chosen = [each for each in KINDS if each.type in kinds] if kinds else KINDS
    return survey(session_for(Access(REGION)), regions, chosen)


def names(found: Survey, kind: str) -> list[str]:
    return sorted(each.name for each in found.items if each.kind == kind)


def test_one_of_every_kind_is_found_and_what_aws_made_is_told_apart(moto: Moto) -> None:
    made = make_account(moto.client)
    found = look()
    assert found.gaps == () and found.account == "123456789012"
    # moto does not tell in a volume's description that it goes with its instance, as AWS does.
    items = [each for each in found.items if each.kind != "aws_ebs_volume" or each.id == made["aws_ebs_volume"]]
    by_hand: dict[str, Existing] = {each.kind: each for each in items if not each.by_aws}
    assert {kind: each.id for kind, each in by_hand.items()} == made
    assert set(made) == {each.type for each in KINDS} - NOT_IN_MOTO
    assert len(by_hand) == sum(not each.by_aws for each in items), "and nothing twice"
    own = Counter(each.kind for each in found.items if each.by_aws)
    assert own == {
        "aws_vpc": 1,
        "aws_subnet": 3,
        "aws_route_table": 2,
        "aws_security_group": 2,
        "aws_lb_listener_rule": 1,
    }, "the default VPC with its parts, the main tables and default groups of both, the listener's default"
    assert by_hand["aws_vpc"].name == "by hand" and by_hand["aws_vpc"].tags == {"Name": "by hand"}
    assert by_hand["aws_ecs_task_definition"].arn.endswith(":2")
    assert by_hand["aws_cloudwatch_log_group"].created is not None


def test_every_arn_is_one_of_its_kind_and_place(moto: Moto) -> None:
    make_account(moto.client)
    kinds: dict[str, Kind] = {each.type: each for each in KINDS}
    for each in look().items:
        arn = parse_arn(each.arn)
        assert arn is not None and f"{arn.service}:{arn.rest}".startswith(kinds[each.kind].arns), each
        assert each.region == (REGION if each.kind == "aws_s3_bucket" else arn.region), each


def test_every_page_is_read(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    ssm, logs, iam = moto.client("ssm"), moto.client("logs"), moto.client("iam")
    for number in range(51):
        ssm.put_parameter(Name=f"/p/{number}", Value="v", Type="String")
        logs.create_log_group(logGroupName=f"/g/{number}")
    for number in range(101):
        iam.create_role(RoleName=f"r{number}", AssumeRolePolicyDocument="{}")
    gate = Gate(moto.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", gate.url)
    found = look("aws_ssm_parameter", "aws_cloudwatch_log_group", "aws_iam_role")
    gate.close()
    counted = Counter(each.kind for each in found.items)
    assert counted == {"aws_ssm_parameter": 51, "aws_cloudwatch_log_group": 51, "aws_iam_role": 101}
    asked = {each: gate.asked[each] for each in ("DescribeParameters", "DescribeLogGroups", "ListRoles")}
    assert asked == {"DescribeParameters": 6, "DescribeLogGroups": 2, "ListRoles": 2}, (
        "moto's pages of parameters are short"
    )


def test_regions_have_their_own_and_what_belongs_to_none_is_asked_for_once(
    moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    for region in (REGION, OTHER):
        moto.client("sqs", region=region).create_queue(QueueName=f"in-{region}")
    moto.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="here", CreateBucketConfiguration={"LocationConstraint": REGION})
    moto.client("s3", region=OTHER).create_bucket(Bucket="there")
    gate = Gate(moto.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", gate.url)
    found = look("aws_sqs_queue", "aws_iam_role", "aws_s3_bucket", regions=(REGION, OTHER))
    gate.close()
    assert sorted((each.kind, each.name, each.region) for each in found.items) == [
        ("aws_iam_role", "r", ""),
        ("aws_s3_bucket", "here", REGION),
        ("aws_s3_bucket", "there", OTHER),
        ("aws_sqs_queue", f"in-{REGION}", REGION),
        ("aws_sqs_queue", f"in-{OTHER}", OTHER),
    ]
    assert (gate.asked["ListRoles"], gate.asked["ListQueues"]) == (1, 2)
    assert found.listed >= {("aws_iam_role", ""), ("aws_sqs_queue", REGION), ("aws_sqs_queue", OTHER)}


def test_what_is_throttled_is_asked_again(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    ecs = moto.client("ecs")
    for number in range(6):
        ecs.create_cluster(clusterName=f"c{number}")
    # Slow enough that a busy machine asks faster.
    throttle = Throttle(moto.endpoint, rate=5.0, burst=1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", throttle.url)
    found = look("aws_ecs_cluster", "aws_ecs_service", "aws_ecs_task_definition")
    throttle.close()
    assert throttle.refused.total() > 0, "it did throttle"
    assert found.gaps == () and names(found, "aws_ecs_cluster") == [f"c{number}" for number in range(6)]


def test_what_may_not_be_listed_is_a_gap_and_what_came_before_is_kept(
    moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssm = moto.client("ssm")
    for number in range(11):
        ssm.put_parameter(Name=f"/p/{number}", Value="v", Type="String")
    moto.client("ecs").create_cluster(clusterName="c")
    gate = Gate(moto.endpoint, "DescribeParameters+", "ListServices")
    monkeypatch.setenv("AWS_ENDPOINT_URL", gate.url)
    found = look("aws_ssm_parameter", "aws_ecs_cluster", "aws_ecs_service")
    gate.close()
    assert [(each.kind, each.region, each.code, each.denied) for each in found.gaps] == [
        ("aws_ecs_service", REGION, "AccessDeniedException", True),
        ("aws_ssm_parameter", REGION, "AccessDeniedException", True),
    ]
    assert "not authorized: DescribeParameters" in found.gaps[1].why
    assert len(names(found, "aws_ssm_parameter")) == 10 and names(found, "aws_ecs_cluster") == ["c"]
    assert found.listed == {("aws_ecs_cluster", REGION), (TAGGED, REGION)}


@pytest.mark.parametrize("action", ["ListQueues", "DescribeVpcs"])
@pytest.mark.parametrize("status", [200, 403])
def test_a_page_of_a_proxys_is_a_gap_and_not_nothing(
    moto: Moto, monkeypatch: pytest.MonkeyPatch, action: str, status: int
) -> None:
    moto.client("ecs").create_cluster(clusterName="c")
    proxy = Proxy(moto.endpoint, action, status)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    found = look("aws_sqs_queue", "aws_vpc", "aws_ecs_cluster")
    [gap] = found.gaps
    assert gap.kind == {"ListQueues": "aws_sqs_queue", "DescribeVpcs": "aws_vpc"}[action]
    assert (gap.region, gap.denied, gap.code) == (REGION, False, "NotAwsError") and f"HTTP {status}" in gap.why
    assert names(found, "aws_ecs_cluster") == ["c"], "the rest is there"
    proxy.page = b"\xff not XML " + b"x" * 9000
    [gap] = look("aws_vpc", "aws_ecs_cluster").gaps if action == "DescribeVpcs" else [gap]
    assert len(gap.why) < 400, "an answer that cannot be read is not quoted in whole"
    proxy.action, proxy.page = "GetCallerIdentity", PAGE
    with pytest.raises(AccessError) as caught:
        look("aws_vpc")
    proxy.close()
    assert "web page" in caught.value.why


def test_tags_tell_of_what_no_own_call_lists(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    tags = [{"Key": "Name", "Value": "shared"}]
    files = moto.client("efs").create_file_system(CreationToken="t", Tags=tags)["FileSystemId"]
    key = moto.client("kms").create_key(Tags=[{"TagKey": "Name", "TagValue": "sealed"}])["KeyMetadata"]
    moto.client("logs").create_log_group(logGroupName="/g", tags={"Team": "calls"})
    found = look("aws_kms_key", "aws_cloudwatch_log_group")
    assert {(each.kind, each.id, each.name) for each in found.items} == {
        ("elasticfilesystem:file-system", files, "shared"),
        ("aws_kms_key", key["KeyId"], key["KeyId"]),
        ("aws_cloudwatch_log_group", "/g", "/g"),
    }
    assert {each.kind: dict(each.tags) for each in found.items} == {
        "elasticfilesystem:file-system": {"Name": "shared"},
        "aws_kms_key": {"Name": "sealed"},
        "aws_cloudwatch_log_group": {"Team": "calls"},
    }
    gate = Gate(moto.endpoint, "GetResources")
    monkeypatch.setenv("AWS_ENDPOINT_URL", gate.url)
    [gap] = look("aws_kms_key").gaps
    gate.close()
    assert (gap.kind, gap.denied) == (TAGGED, True)


def test_without_credentials_it_is_said_what_to_check(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(AccessError, match="cannot be listed") as caught:
        survey(session_for(Access(REGION)), [REGION], ())
    assert "get-caller-identity" in caught.value.next
