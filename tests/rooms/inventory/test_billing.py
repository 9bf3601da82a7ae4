"""What is paid for things: by the hour or the month, by use, or nothing; never a figure that had to be guessed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.aws.billing import BY_USE, FREE, NOT_KNOWN, Billing, Part
from butai.aws.billing_rules import NOTHING, USED, billing
from butai.aws.existing_kinds import KINDS
from butai.aws.existing_sizes import sizes
from butai.aws.price_list import ANY, HOURS, Price, Rate
from butai.inventory.costs import Book, Cost, Line, Paid, book, cost, rates_of, total
from butai.terraform.hcl_literals import UNKNOWN
from support.rows import NOW

pytestmark = pytest.mark.model

REGION = "ap-northeast-1"
MACHINE = {"instance_type": "t3.micro", "disks": []}
TASK = {"launch_type": "FARGATE", "desired_count": 3, "task.cpu": "256", "task.memory": "512"}


def parts(type_: str, attributes: dict[str, Any]) -> dict[str, str]:
    found = billing(type_, attributes)
    assert found.is_known
    return {f"{each.rate.usage} {each.rate.variant}".strip(): f"{each.number.normalize():f}" for each in found.parts}


@pytest.mark.parametrize(
    ("type_", "attributes", "paid"),
    [
        (
            "aws_elasticache_cluster",
            {"engine": "redis", "node_type": "n", "num_cache_nodes": 1},
            {"NodeUsage:n Redis": "1"},
        ),
        (
            "aws_elasticache_cluster",
            {"engine": "memcached", "node_type": "n", "num_cache_nodes": 3},
            {"NodeUsage:n Memcached": "3"},
        ),
        ("aws_elasticache_replication_group", {"node_type": "n", "num_cache_clusters": 2}, {"NodeUsage:n Redis": "2"}),
        (
            "aws_elasticache_replication_group",
            {"engine": "valkey", "node_type": "n", "num_node_groups": 3, "replicas_per_node_group": 1},
            {"NodeUsage:n Valkey": "6"},
        ),
        (
            "aws_db_instance",
            {"engine": "postgres", "instance_class": "db.a", "allocated_storage": 20},
            {"InstanceUsage:db.a PostgreSQL": "1", "RDS:GP2-Storage PostgreSQL": "20"},
        ),
        (
            "aws_db_instance",
            {
                "engine": "mysql",
                "instance_class": "db.a",
                "allocated_storage": 50,
                "storage_type": "gp3",
                "iops": 3000,
                "storage_throughput": 125,
                "multi_az": True,
            },
            {"Multi-AZUsage:db.a MySQL": "1", "RDS:Multi-AZ-GP3-Storage MySQL": "50"},
        ),
        (
            "aws_db_instance",
            {
                "engine": "mysql",
                "instance_class": "db.a",
                "allocated_storage": 400,
                "storage_type": "gp3",
                "iops": 12000,
            },
            {"InstanceUsage:db.a MySQL": "1", "RDS:GP3-Storage MySQL": "400"},
        ),
        (
            "aws_db_instance",
            {"engine": "mysql", "instance_class": "db.a", "allocated_storage": 9, "is_stopped": True},
            {"RDS:GP2-Storage MySQL": "9"},
        ),
        (
            "aws_rds_cluster_instance",
            {"engine": "aurora-mysql", "instance_class": "db.a"},
            {"InstanceUsage:db.a Aurora MySQL": "1"},
        ),
        ("aws_ebs_volume", {"size": 8}, {"EBS:VolumeUsage.gp2": "8"}),
        (
            "aws_ebs_volume",
            {"size": 8, "type": "gp3", "iops": 4000, "throughput": 253},
            {"EBS:VolumeUsage.gp3": "8", "EBS:VolumeP-IOPS.gp3": "1000", "EBS:VolumeP-Throughput.gp3": "0.125"},
        ),
        (
            "aws_ebs_volume",
            {"size": 8, "type": "io1", "iops": 100},
            {"EBS:VolumeUsage.piops": "8", "EBS:VolumeP-IOPS.piops": "100"},
        ),
        (
            "aws_instance",
            {**MACHINE, "public_addresses": 1, "disks": [{"size": 8, "type": "gp3"}]},
            {"BoxUsage:t3.micro": "1", "PublicIPv4:InUseAddress": "1", "EBS:VolumeUsage.gp3": "8"},
        ),
        (
            "aws_instance",
            {**MACHINE, "is_stopped": True, "disks": [{"size": 8, "type": "gp2"}]},
            {"EBS:VolumeUsage.gp2": "8"},
        ),
        ("aws_nat_gateway", {}, {"NatGateway-Hours": "1"}),
        ("aws_lb", {"load_balancer_type": "network"}, {"LoadBalancerUsage LoadBalancing:Network": "1"}),
        ("aws_eip", {"is_idle": True}, {"PublicIPv4:IdleAddress": "1"}),
        ("aws_vpc_endpoint", {"vpc_endpoint_type": "Interface", "subnet_ids": ["a", "b"]}, {"VpcEndpoint-Hours": "2"}),
        ("aws_vpc_endpoint", {}, {}),
        ("aws_ecs_service", TASK, {"Fargate-vCPU-Hours:perCPU": "0.75", "Fargate-GB-Hours": "1.5"}),
        (
            "aws_ecs_service",
            {**TASK, "launch_type": None, "providers": "FARGATE", "task.cpu_architecture": "ARM64", "task.storage": 30},
            {
                "Fargate-ARM-vCPU-Hours:perCPU": "0.75",
                "Fargate-ARM-GB-Hours": "1.5",
                "Fargate-EphemeralStorage-GB-Hours": "30",
            },
        ),
        ("aws_ecs_service", {"launch_type": "EC2", "desired_count": 3}, {}),
        ("aws_ecs_service", {"launch_type": "FARGATE", "desired_count": 0}, {}),
        ("aws_cloudwatch_metric_alarm", {"metric_name": "m", "period": 10}, {"CW:HighResAlarmMonitorUsage": "1"}),
        ("aws_cloudwatch_metric_alarm", {"metrics": 4, "period": 60}, {"CW:AlarmMonitorUsage": "4"}),
        ("aws_kms_key", {}, {"KMS-Keys": "1"}),
    ],
)
def test_what_is_paid_each_hour_or_month(type_: str, attributes: dict[str, Any], paid: dict[str, str]) -> None:
    assert parts(type_, attributes) == paid


@pytest.mark.parametrize(
    ("type_", "attributes"),
    [
        ("aws_elasticache_cluster", {"engine": "redis", "num_cache_nodes": 1}),
        ("aws_elasticache_cluster", {"engine": "redis", "node_type": "n", "num_cache_nodes": "three"}),
        ("aws_elasticache_cluster", {"engine": "redis", "node_type": "n", "num_cache_nodes": -1}),
        ("aws_elasticache_cluster", {"node_type": "n", "replication_group_id": UNKNOWN}),
        ("aws_elasticache_replication_group", {"node_type": "n", "effective_durability": "sync"}),
        ("aws_db_instance", {"engine": "sqlserver-ex", "instance_class": "db.a", "allocated_storage": 20}),
        ("aws_db_instance", {"engine": "mysql", "instance_class": "db.a"}),
        ("aws_db_instance", {"engine": "mysql", "instance_class": "db.a", "allocated_storage": 20, "iops": 1000}),
        (
            "aws_db_instance",
            {"engine": "mysql", "instance_class": "db.a", "allocated_storage": 99, "storage_type": "gp3", "iops": 9000},
        ),
        ("aws_rds_cluster_instance", {"engine": "aurora-mysql", "instance_class": "a", "storage_type": "aurora-iopt1"}),
        ("aws_rds_cluster", {"engine": "mysql"}),
        ("aws_ebs_volume", {"size": 8, "type": "io2", "iops": 100}),
        ("aws_ebs_volume", {"size": 8, "type": UNKNOWN}),
        ("aws_instance", {"instance_type": "t3.micro"}),
        ("aws_instance", {**MACHINE, "operation": "RunInstances:0002"}),
        ("aws_instance", {**MACHINE, "is_spot": True}),
        ("aws_instance", {**MACHINE, "tenancy": "dedicated"}),
        ("aws_nat_gateway", {"availability_mode": "regional"}),
        ("aws_eip", {"public_ipv4_pool": "ipv4pool-ec2-1"}),
        ("aws_vpc_endpoint", {"vpc_endpoint_type": "Interface", "subnet_ids": UNKNOWN}),
        ("aws_vpc_endpoint", {"vpc_endpoint_type": "GatewayLoadBalancer", "subnet_ids": ["a"]}),
        ("aws_ecs_service", {**TASK, "desired_count": UNKNOWN}),
        ("aws_ecs_service", {**TASK, "launch_type": None}),
        ("aws_ecs_service", {**TASK, "launch_type": None, "providers": "FARGATE FARGATE_SPOT"}),
        ("aws_ecs_service", {**TASK, "task.operating_system_family": "WINDOWS_SERVER_2022_CORE"}),
        ("aws_ecs_service", {"launch_type": "FARGATE", "desired_count": 1}),
        ("aws_cloudwatch_metric_alarm", {"metrics": 1, "threshold_metric_id": "ad1"}),
        ("aws_cloudwatch_metric_alarm", {}),
        ("aws_dynamodb_table", {"billing_mode": "PROVISIONED"}),
        ("aws_secretsmanager_secret", {"replica.region": "us-east-1"}),
        ("aws_acm_certificate", {"certificate_authority_arn": "arn"}),
        ("aws_ssm_parameter", {"tier": "Advanced"}),
        ("aws_opensearch_domain", {}),
        ("elasticfilesystem:file-system", {}),
    ],
)
def test_what_would_have_to_be_guessed_is_not_known(type_: str, attributes: dict[str, Any]) -> None:
    assert billing(type_, attributes) == NOT_KNOWN


def test_by_use_is_never_nothing() -> None:
    for type_ in ("aws_s3_bucket", "aws_lambda_function", "aws_sqs_queue", "aws_sns_topic"):
        assert billing(type_, {}) == BY_USE
    assert billing("aws_dynamodb_table", {"billing_mode": "PAY_PER_REQUEST"}) == BY_USE
    assert billing("aws_rds_cluster_instance", {"engine": "aurora-mysql", "instance_class": "db.serverless"}) == BY_USE
    assert cost(BY_USE, REGION, Book({})) == Cost(Paid.BY_USE, None, (), by_use=True)
    assert cost(FREE, REGION, Book({})).month == 0
    assert not NOTHING & USED


def test_every_kind_that_is_listed_has_a_rule() -> None:
    unruled = {each.type for each in KINDS} - NOTHING - USED
    for each in unruled:
        told = ({**EVERYTHING, "engine": engine} for engine in ("redis", "mysql", "aurora-mysql"))
        assert any(billing(each, attributes).is_known for attributes in told), f"{each}, when all is told"


EVERYTHING: dict[str, Any] = {
    **MACHINE,
    "node_type": "n",
    "instance_class": "db.a",
    "allocated_storage": 1,
    "size": 1,
    "billing_mode": "PAY_PER_REQUEST",
    "launch_type": "EC2",
    "metric_name": "m",
}


def price(rate: Rate, amount: str, region: str = REGION, unit: str = "Hrs") -> Price:
    return Price(region, rate, "SKU", unit, Decimal(amount), NOW, NOW)


NAT = Rate("AmazonEC2", "NatGateway-Hours")
STORED = Rate("AmazonRDS", "RDS:GP2-Storage", "MySQL")


def test_a_figure_is_unit_price_times_hours_times_number() -> None:
    gateway = billing("aws_nat_gateway", {}).times(2)
    found = cost(gateway, REGION, book([price(NAT, "0.062")]))
    assert (found.paid, found.month, found.by_use) == (Paid.MONTHLY, Decimal("90.52"), True)
    assert found.lines == (Line(price(NAT, "0.062"), Decimal(2)),) and found.read_at == NOW
    assert cost(gateway, "us-east-1", book([price(NAT, "0.062")])).paid is Paid.UNPRICED
    assert cost(gateway, "", book([price(NAT, "0.062")])).paid is Paid.UNKNOWN, "where it stands is not known"


def test_a_figure_with_a_part_missing_is_none() -> None:
    small = billing("aws_db_instance", {"engine": "mysql", "instance_class": "db.a", "allocated_storage": 20})
    for_any = price(Rate("AmazonRDS", "RDS:GP2-Storage", ANY), "0.138", unit="GB-Mo")
    assert cost(small, REGION, book([for_any])) == Cost(Paid.UNPRICED, by_use=True)
    machine = price(Rate("AmazonRDS", "InstanceUsage:db.a", "MySQL"), "0.1")
    assert cost(small, REGION, book([for_any, machine])).month == Decimal("75.76")
    own = price(STORED, "0.2", unit="GB-Mo")
    assert cost(small, REGION, book([for_any, machine, own])).month == Decimal("77.00"), "the engine's own price wins"
    assert {STORED, for_any.rate} <= rates_of([small])


def test_what_stands_in_no_region_has_its_price_everywhere() -> None:
    zone = billing("aws_route53_zone", {})
    known = book([price(Rate("AmazonRoute53", "HostedZone"), "0.50", region="", unit="HostedZone")])
    assert cost(zone, "", known).month == cost(zone, REGION, known).month == Decimal("0.50")


AMOUNTS = st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(99), places=6)


@given(st.lists(st.tuples(AMOUNTS, st.integers(0, 50), st.sampled_from(["Hrs", "GB-Mo"])), max_size=6))
def test_the_sum_is_that_of_what_is_shown(things: list[tuple[Decimal, int, str]]) -> None:
    rates = [Rate("AmazonEC2", f"BoxUsage:t{number}") for number in range(len(things))]
    known = book(price(rate, str(amount), unit=unit) for rate, (amount, _, unit) in zip(rates, things, strict=True))
    numbers = [number for _, number, _ in things]
    costs = [
        cost(Billing((Part(rate, Decimal(1)),)).times(number), REGION, known)
        for rate, number in zip(rates, numbers, strict=True)
    ]
    every = [*costs, cost(BY_USE, REGION, known), cost(NOT_KNOWN, REGION, known)]
    found = total(every)
    assert (found.figures, found.by_use, found.unknown, found.unpriced) == (len(things), 1, 1, 0)
    assert found.month == sum((each.month for each in costs if each.month is not None), Decimal(0))
    for each, (amount, number, unit) in zip(costs, things, strict=True):
        exact = amount * number * (HOURS if unit == "Hrs" else 1)
        assert each.month is not None and abs(each.month - exact) <= Decimal("0.005")


WORDS = st.sampled_from(["redis", "mysql", "gp3", "FARGATE", "Interface", "t3.micro", "", "true"])
TOLD = st.none() | st.just(UNKNOWN) | st.integers(-2, 5000) | WORDS | st.lists(WORDS, max_size=2) | st.booleans()
NAMES = st.sampled_from(
    [
        "allocated_storage",
        "desired_count",
        "disks",
        "engine",
        "instance_class",
        "instance_type",
        "iops",
        "launch_type",
        "multi_az",
        "node_type",
        "num_cache_nodes",
        "size",
        "subnet_ids",
        "task.cpu",
        "task.memory",
        "throughput",
        "type",
    ]
)


@given(st.sampled_from(sorted({each.type for each in KINDS})), st.dictionaries(NAMES, TOLD, max_size=8))
def test_whatever_is_told_no_number_is_made_up(type_: str, attributes: dict[str, Any]) -> None:
    found = billing(type_, attributes)
    assert all(each.number >= 0 and each.number.is_finite() for each in found.parts)
    assert found.is_known or not found.parts


def test_what_aws_describes_is_what_the_rules_ask_for() -> None:
    instance = {"State": {"Name": "running"}, "InstanceType": "t3.micro", "Platform": "windows", "Disks": []}
    assert billing("aws_instance", sizes("aws_instance", instance)) == NOT_KNOWN
    queries = [{"MetricStat": {"Period": 10}}, {"MetricStat": {"Period": 60}}, {"Expression": "m1 / m2"}]
    assert parts("aws_cloudwatch_metric_alarm", dict(sizes("aws_cloudwatch_metric_alarm", {"Metrics": queries}))) == {
        "CW:HighResAlarmMonitorUsage": "2"
    }
    insight = {"Metrics": [{"Expression": "SELECT AVG(CPUUtilization) FROM x"}]}
    assert billing("aws_cloudwatch_metric_alarm", sizes("aws_cloudwatch_metric_alarm", insight)) == NOT_KNOWN
    group = {"CacheNodeType": "n", "MemberClusters": ["a", "b"]}
    assert parts("aws_elasticache_replication_group", dict(sizes("aws_elasticache_replication_group", group))) == {
        "NodeUsage:n Redis": "2"
    }
    being_made = sizes("aws_elasticache_replication_group", {"CacheNodeType": "n"})
    assert billing("aws_elasticache_replication_group", being_made) == NOT_KNOWN
    spot = {"desiredCount": 1, "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}
    assert billing("aws_ecs_service", sizes("aws_ecs_service", spot)) == NOT_KNOWN
    assert billing("aws_acm_certificate", sizes("aws_acm_certificate", {"Type": "AMAZON_ISSUED"})) == FREE
    assert billing("aws_acm_certificate", sizes("aws_acm_certificate", {"Type": "PRIVATE"})) == NOT_KNOWN
