"""What AWS's descriptions of things say that decides what is paid for them, as Terraform names it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from butai.aws.existing_calls import Raw
from butai.terraform.hcl_literals import UNKNOWN

Sizes = Mapping[str, Any]


def sizes(type_: str, raw: Raw) -> Sizes:
    """The attributes of a thing of Terraform's type. What AWS does not tell is not among them."""
    return _OF[type_](raw) if type_ in _OF else {}


def _cache_cluster(raw: Raw) -> Sizes:
    return {
        "engine": raw.get("Engine"),
        "node_type": raw.get("CacheNodeType"),
        "num_cache_nodes": raw.get("NumCacheNodes"),
        "replication_group_id": raw.get("ReplicationGroupId"),
    }


def _replication_group(raw: Raw) -> Sizes:
    members = raw.get("MemberClusters")
    return {
        # Those from before there was a choice do not say it, and are Redis.
        "engine": raw.get("Engine"),
        "node_type": raw.get("CacheNodeType"),
        "num_cache_clusters": len(members) if members else UNKNOWN,
        "effective_durability": raw.get("EffectiveDurability"),
    }


def _database(raw: Raw) -> Sizes:
    return {
        "engine": raw.get("Engine"),
        "instance_class": raw.get("DBInstanceClass"),
        "multi_az": raw.get("MultiAZ"),
        "allocated_storage": raw.get("AllocatedStorage"),
        "storage_type": raw.get("StorageType"),
        "iops": raw.get("Iops"),
        "storage_throughput": raw.get("StorageThroughput"),
        "is_stopped": raw.get("DBInstanceStatus") == "stopped",
    }


def _machine(raw: Raw) -> Sizes:
    addresses = [each.get("Association") or {} for each in raw.get("NetworkInterfaces") or ()]
    return {
        "instance_type": raw.get("InstanceType"),
        # Another than Linux without a licence has a number behind it.
        "operation": raw.get("UsageOperation") or ("windows" if raw.get("Platform") else None),
        "tenancy": (raw.get("Placement") or {}).get("Tenancy"),
        "is_spot": raw.get("InstanceLifecycle") == "spot",
        "is_stopped": raw["State"]["Name"] == "stopped",
        # An elastic one is a thing of its own.
        "public_addresses": sum(each.get("IpOwnerId") == "amazon" for each in addresses),
        "disks": [_volume(each) for each in raw["Disks"]] if "Disks" in raw else None,
    }


def _volume(raw: Raw) -> Sizes:
    return {
        "type": raw.get("VolumeType"),
        "size": raw.get("Size"),
        "iops": raw.get("Iops"),
        "throughput": raw.get("Throughput"),
    }


def _service(raw: Raw) -> Sizes:
    task: Raw = raw.get("Task") or {}
    platform: Raw = task.get("runtimePlatform") or {}
    strategy = raw.get("capacityProviderStrategy") or ()
    return {
        "launch_type": raw.get("launchType"),
        "providers": " ".join(each["capacityProvider"] for each in strategy) or None,
        "desired_count": raw.get("desiredCount"),
        "task.cpu": task.get("cpu"),
        "task.memory": task.get("memory"),
        "task.cpu_architecture": platform.get("cpuArchitecture"),
        "task.operating_system_family": platform.get("operatingSystemFamily"),
        "task.storage": (task.get("ephemeralStorage") or {}).get("sizeInGiB"),
    }


def _alarm(raw: Raw) -> Sizes:
    queries = raw.get("Metrics") or ()
    return {
        "metric_name": raw.get("MetricName"),
        "metrics": sum("MetricStat" in each for each in queries) or None,
        "period": min((each["MetricStat"]["Period"] for each in queries if "MetricStat" in each), default=None)
        or raw.get("Period"),
        "threshold_metric_id": raw.get("ThresholdMetricId"),
    }


_OF: Final[Mapping[str, Callable[[Raw], Sizes]]] = {
    "aws_acm_certificate": lambda raw: {"certificate_authority_arn": raw.get("Type") == "PRIVATE" or None},
    "aws_cloudwatch_metric_alarm": _alarm,
    "aws_db_instance": _database,
    "aws_dynamodb_table": lambda raw: {"billing_mode": raw.get("BillingMode")},
    "aws_ebs_volume": _volume,
    "aws_ecs_service": _service,
    "aws_eip": lambda raw: {"is_idle": not raw.get("AssociationId"), "public_ipv4_pool": raw.get("PublicIpv4Pool")},
    "aws_elasticache_cluster": _cache_cluster,
    "aws_elasticache_replication_group": _replication_group,
    "aws_instance": _machine,
    "aws_lb": lambda raw: {"load_balancer_type": raw.get("Type")},
    "aws_nat_gateway": lambda raw: {"availability_mode": raw.get("AvailabilityMode")},
    "aws_rds_cluster": lambda raw: {"engine": raw.get("Engine")},
    "aws_rds_cluster_instance": _database,
    "aws_ssm_parameter": lambda raw: {"tier": raw.get("Tier")},
    "aws_vpc_endpoint": lambda raw: {
        "vpc_endpoint_type": raw.get("VpcEndpointType"),
        "subnet_ids": raw.get("SubnetIds"),
    },
}
