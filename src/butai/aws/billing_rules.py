"""What decides how things are paid, by Terraform's type. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from butai.aws.billing import BY_USE, FREE, NOT_KNOWN, Billing, Part, Told, UnsaidError
from butai.aws.price_list import Rate


def billing(type_: str, attributes: Mapping[str, Any]) -> Billing:
    """What is paid for a thing of Terraform's type."""
    if type_ in NOTHING:
        return FREE
    if type_ in USED:
        return BY_USE
    try:
        return _RULES[type_](Told(attributes)) if type_ in _RULES else NOT_KNOWN
    except UnsaidError:
        return NOT_KNOWN


def has_rule(type_: str) -> bool:
    """Whether attributes of a thing of this type decide what is paid for it."""
    return type_ in _RULES


NOTHING: Final = frozenset(
    {
        "aws_db_parameter_group",
        "aws_db_subnet_group",
        "aws_ecr_lifecycle_policy",
        "aws_ecr_repository_policy",
        "aws_ecs_cluster",
        "aws_ecs_cluster_capacity_providers",
        "aws_ecs_task_definition",
        "aws_eip_association",
        "aws_elasticache_parameter_group",
        "aws_elasticache_subnet_group",
        "aws_iam_instance_profile",
        "aws_iam_openid_connect_provider",
        "aws_iam_policy",
        "aws_iam_policy_attachment",
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_iam_role_policy_attachment",
        "aws_iam_user",
        "aws_internet_gateway",
        "aws_kms_alias",
        "aws_lb_listener",
        "aws_lb_listener_rule",
        "aws_lb_target_group",
        "aws_lb_target_group_attachment",
        "aws_main_route_table_association",
        "aws_network_acl",
        "aws_rds_cluster_parameter_group",
        "aws_route",
        "aws_route53_record",
        "aws_route_table",
        "aws_route_table_association",
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_policy",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning",
        "aws_security_group",
        "aws_security_group_rule",
        "aws_sqs_queue_policy",
        "aws_subnet",
        "aws_vpc",
        "aws_vpc_security_group_egress_rule",
        "aws_vpc_security_group_ingress_rule",
    }
)
"""What AWS lists no price for: the cluster of ECS, say, whose tasks are paid."""
USED: Final = frozenset(
    {
        "aws_cloudwatch_log_group",
        "aws_ecr_repository",
        "aws_lambda_function",
        "aws_s3_bucket",
        "aws_sns_topic",
        "aws_sqs_queue",
    }
)


def _rate(service: str, usage: str, variant: str = "", number: Decimal | int = 1) -> Part:
    return Part(Rate(service, usage, variant), Decimal(number))


def _cache_nodes(told: Told, number: Decimal) -> Billing:
    engine = told.one_of("engine", {"redis": "Redis", "valkey": "Valkey", "memcached": "Memcached"}, "redis")
    told.must(told.text("effective_durability", "disabled") in {"disabled", "async"})
    return Billing((_rate("AmazonElastiCache", f"NodeUsage:{told.text('node_type')}", engine, number),))


def _cache_cluster(told: Told) -> Billing:
    told.must(not told.has("replication_group_id"))
    return _cache_nodes(told, told.number("num_cache_nodes", 1))


def _replication_group(told: Told) -> Billing:
    if told.has("num_node_groups") or told.has("replicas_per_node_group"):
        return _cache_nodes(told, told.number("num_node_groups", 1) * (1 + told.number("replicas_per_node_group", 0)))
    return _cache_nodes(told, told.number("num_cache_clusters", 1))


_ENGINES: Final = {"postgres": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}
_AURORAS: Final = {"aurora-postgresql": "Aurora PostgreSQL", "aurora-mysql": "Aurora MySQL"}
_STORED: Final = {"gp2": "GP2-Storage", "gp3": "GP3-Storage", "standard": "StorageUsage"}
# Operations and megabytes a second that are in the price of a gp3 volume; beyond them each is paid.
_GP3_IOPS: Final = 3000
_GP3_THROUGHPUT: Final = 125
# RDS stripes large gp3 storage, which is faster for the same price.
_STRIPED_GB: Final = 400
_STRIPED: Final = 4


def _database(told: Told) -> Billing:
    engine, gb = told.one_of("engine", _ENGINES), told.number("allocated_storage")
    # Where operations are asked for and no type is, storage is io1.
    stored = told.one_of("storage_type", _STORED, "io1" if told.has("iops") else "gp2")
    fast = 0 if stored != "GP3-Storage" else _STRIPED if gb >= _STRIPED_GB else 1
    told.must(told.number("iops", 0) <= fast * _GP3_IOPS)
    told.must(told.number("storage_throughput", 0) <= fast * _GP3_THROUGHPUT)
    several = told.flag("multi_az")
    parts = [_rate("AmazonRDS", f"RDS:{'Multi-AZ-' if several else ''}{stored}", engine, gb)]
    if not told.flag("is_stopped"):
        machine = f"{'Multi-AZUsage' if several else 'InstanceUsage'}:{told.text('instance_class')}"
        parts.insert(0, _rate("AmazonRDS", machine, engine))
    return Billing(tuple(parts), by_use=True)


def _cluster(told: Told) -> Billing:
    """Aurora's storage. A cluster of another engine has its machines in it."""
    told.one_of("engine", _AURORAS)
    return BY_USE


def _cluster_instance(told: Told) -> Billing:
    engine = told.one_of("engine", _AURORAS)
    told.must(told.text("storage_type", "aurora") in {"aurora", ""})
    size = told.text("instance_class")
    if size == "db.serverless" or told.flag("is_stopped"):
        return BY_USE
    return Billing((_rate("AmazonRDS", f"InstanceUsage:{size}", engine),), by_use=True)


_DISKS: Final = {"gp2": ".gp2", "gp3": ".gp3", "st1": ".st1", "sc1": ".sc1", "io1": ".piops", "standard": ""}


def _disk(told: Told) -> tuple[Part, ...]:
    """A volume of EBS: its size, and what of operations and throughput is not in that price."""
    name = told.one_of("type", _DISKS, "gp2")
    parts = [_rate("AmazonEC2", f"EBS:VolumeUsage{name}", number=told.number("size"))]
    if name == ".piops":
        parts.append(_rate("AmazonEC2", "EBS:VolumeP-IOPS.piops", number=told.number("iops")))
    if name == ".gp3":
        more = told.number("iops", _GP3_IOPS) - _GP3_IOPS
        # The Price List has gigabytes of throughput.
        faster = (told.number("throughput", _GP3_THROUGHPUT) - _GP3_THROUGHPUT) / 1024
        parts += [_rate("AmazonEC2", "EBS:VolumeP-IOPS.gp3", number=more)] if more > 0 else []
        parts += [_rate("AmazonEC2", "EBS:VolumeP-Throughput.gp3", number=faster)] if faster > 0 else []
    return tuple(parts)


def _volume(told: Told) -> Billing:
    return Billing(_disk(told), by_use=told.text("type", "gp2") == "standard")


def _machine(told: Told) -> Billing:
    """Linux on shared hardware, with the disks that come and go with it."""
    told.must(told.text("operation", "RunInstances") == "RunInstances")
    told.must(told.text("tenancy", "default") == "default" and not told.flag("is_spot"))
    parts = [] if told.flag("is_stopped") else [_rate("AmazonEC2", f"BoxUsage:{told.text('instance_type')}")]
    if told.number("public_addresses", 0):
        parts.append(_rate("AmazonVPC", "PublicIPv4:InUseAddress", number=told.number("public_addresses")))
    for each in told.inner("disks"):
        parts += _disk(each)
    return Billing(tuple(parts))


def _nat_gateway(told: Told) -> Billing:
    told.must(told.text("availability_mode", "zonal") == "zonal")
    return Billing((_rate("AmazonEC2", "NatGateway-Hours"),), by_use=True)


def _balancer(told: Told) -> Billing:
    kinds = {"application": "Application", "network": "Network", "gateway": "Gateway"}
    kind = told.one_of("load_balancer_type", kinds, "application")
    return Billing((_rate("AWSELB", "LoadBalancerUsage", f"LoadBalancing:{kind}"),), by_use=True)


def _address(told: Told) -> Billing:
    told.must(told.text("public_ipv4_pool", "amazon") == "amazon")
    usage = "IdleAddress" if told.flag("is_idle") else "InUseAddress"
    return Billing((_rate("AmazonVPC", f"PublicIPv4:{usage}"),))


def _endpoint(told: Told) -> Billing:
    kind = told.text("vpc_endpoint_type", "Gateway")
    if kind == "Gateway":
        return FREE
    told.must(kind == "Interface" and told.length("subnet_ids") > 0)
    return Billing((_rate("AmazonVPC", "VpcEndpoint-Hours", number=told.length("subnet_ids")),), by_use=True)


# Of Fargate's storage so much is in the price of a task.
_FARGATE_GB: Final = 20


def _service(told: Told) -> Billing:
    """Tasks on Fargate. On machines of one's own those are paid, and their tasks are not."""
    if told.text("launch_type", "") == "EC2":
        return FREE
    told.must({*told.text("launch_type", "").split(), *told.text("providers", "").split()} == {"FARGATE"})
    tasks = told.number("desired_count")
    if not tasks:
        return FREE
    told.must(told.text("task.operating_system_family", "LINUX") == "LINUX")
    arm = told.one_of("task.cpu_architecture", {"X86_64": "", "ARM64": "ARM-"}, "X86_64")
    cpu, gb = told.number("task.cpu") / 1024, told.number("task.memory") / 1024
    more = told.number("task.storage", _FARGATE_GB) - _FARGATE_GB
    parts = [
        _rate("AmazonECS", f"Fargate-{arm}vCPU-Hours:perCPU", number=tasks * cpu),
        _rate("AmazonECS", f"Fargate-{arm}GB-Hours", number=tasks * gb),
    ]
    parts += [_rate("AmazonECS", "Fargate-EphemeralStorage-GB-Hours", number=tasks * more)] if more > 0 else []
    return Billing(tuple(parts))


def _alarm(told: Told) -> Billing:
    """Paid by the metric; one that is looked at more often than each minute costs more."""
    told.must(told.has("metric_name") or told.has("metrics"))
    told.must(not told.has("threshold_metric_id"))
    how = "HighRes" if told.number("period", 60) < 60 else ""
    return Billing((_rate("AmazonCloudWatch", f"CW:{how}AlarmMonitorUsage", number=told.number("metrics", 1)),))


def _table(told: Told) -> Billing:
    told.must(told.text("billing_mode", "PROVISIONED") == "PAY_PER_REQUEST")
    return BY_USE


def _secret(told: Told) -> Billing:
    told.must(not told.has("replica.region"))
    return Billing((_rate("AWSSecretsManager", "AWSSecretsManager-Secrets"),), by_use=True)


def _certificate(told: Told) -> Billing:
    told.must(not told.has("certificate_authority_arn"))
    return FREE


def _parameter(told: Told) -> Billing:
    told.must(told.text("tier", "Standard") == "Standard")
    return FREE


_RULES: Final[Mapping[str, Callable[[Told], Billing]]] = {
    "aws_acm_certificate": _certificate,
    "aws_cloudwatch_composite_alarm": lambda _: Billing((_rate("AmazonCloudWatch", "CW:CompositeAlarmMonitorUsage"),)),
    "aws_cloudwatch_metric_alarm": _alarm,
    "aws_db_instance": _database,
    "aws_dynamodb_table": _table,
    "aws_ebs_volume": _volume,
    "aws_ecs_service": _service,
    "aws_eip": _address,
    "aws_elasticache_cluster": _cache_cluster,
    "aws_elasticache_replication_group": _replication_group,
    "aws_instance": _machine,
    "aws_kms_key": lambda _: Billing((_rate("awskms", "KMS-Keys"),), by_use=True),
    "aws_lb": _balancer,
    "aws_nat_gateway": _nat_gateway,
    "aws_rds_cluster": _cluster,
    "aws_rds_cluster_instance": _cluster_instance,
    "aws_route53_zone": lambda _: Billing((_rate("AmazonRoute53", "HostedZone"),), by_use=True),
    "aws_secretsmanager_secret": _secret,
    "aws_ssm_parameter": _parameter,
    "aws_vpc_endpoint": _endpoint,
}
