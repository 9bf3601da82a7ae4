"""The list calls of AWS's services in one region, page by page, as the descriptions that AWS answers with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from butai.aws.clients import Clients
from butai.aws.deployments import all_services

Raw = Mapping[str, Any]

DESCRIBED_AT_ONCE = 100
BUCKETS_AT_ONCE = 1000
# What AWS says of a thing that is deleted and still listed for a while.
GONE = frozenset({"deleted", "deleting", "shutting-down", "terminated"})
NOT_RDS = frozenset({"docdb", "neptune"})
KEY_TYPES = ["RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]


class Calls:
    """One region of an account. `partition`: AWS's own, or its one for China or the government."""

    def __init__(self, clients: Clients, region: str, partition: str, making: threading.Lock) -> None:
        self._clients, self._making = clients, making
        self.region, self.partition = region, partition

    def client(self, service: str) -> Any:
        """A client, which many threads may use but only one at a time may make."""
        with self._making:
            return self._clients(service, self.region)

    def paged(self, service: str, call: str, key: str, /, **asked: Any) -> Iterator[Any]:
        """What stands under `key` on every page of a call; a call that AWS does not page has one."""
        client = self.client(service)
        pages = (
            client.get_paginator(call).paginate(**asked)
            if client.can_paginate(call)
            else [getattr(client, call)(**asked)]
        )
        for page in pages:
            yield from page.get(key) or ()


Things = Callable[[Calls], Iterable[Raw]]
"""Every thing of one kind in a region, as AWS describes it."""


def paged(service: str, call: str, key: str, /, **asked: Any) -> Things:
    """A kind that one call lists."""
    return lambda calls: calls.paged(service, call, key, **asked)


def lasting(things: Things, state: str) -> Things:
    """Without what is deleted already, by the field that says how a thing stands."""
    return lambda calls: (each for each in things(calls) if str(each.get(state, "")).lower() not in GONE)


def internet_gateways(calls: Calls) -> Iterator[Raw]:
    """With `IsDefault`: whether it is that of a default VPC, which AWS made with it."""
    default = {each["VpcId"] for each in calls.paged("ec2", "describe_vpcs", "Vpcs") if each.get("IsDefault")}
    for each in calls.paged("ec2", "describe_internet_gateways", "InternetGateways"):
        yield {**each, "IsDefault": any(one.get("VpcId") in default for one in each.get("Attachments", ()))}


def instances(calls: Calls) -> Iterator[Raw]:
    """Without the ones that are terminated. With `Disks`, the volumes that go with them, if those may be listed."""
    disks = _disks(calls)
    for reservation in calls.paged("ec2", "describe_instances", "Reservations"):
        for each in reservation["Instances"]:
            if each["State"]["Name"] not in GONE:
                yield each if disks is None else {**each, "Disks": disks.get(each["InstanceId"], [])}


def _disks(calls: Calls) -> dict[str, list[Raw]] | None:
    """By instance."""
    found: dict[str, list[Raw]] = {}
    try:
        for each in calls.paged("ec2", "describe_volumes", "Volumes"):
            if goes_with_instance(each):
                found.setdefault(each["Attachments"][0]["InstanceId"], []).append(each)
    except (BotoCoreError, ClientError):
        return None
    return found


def goes_with_instance(volume: Raw) -> bool:
    """Whether a volume is deleted with the instance that it hangs on."""
    return any(each.get("DeleteOnTermination") for each in volume.get("Attachments") or ())


def listeners(calls: Calls) -> Iterator[Raw]:
    """Of every load balancer."""
    for balancer in calls.paged("elbv2", "describe_load_balancers", "LoadBalancers"):
        yield from calls.paged("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"])


def rules(calls: Calls) -> Iterator[Raw]:
    """Of every listener."""
    for listener in listeners(calls):
        yield from calls.paged("elbv2", "describe_rules", "Rules", ListenerArn=listener["ListenerArn"])


def clusters(calls: Calls) -> Iterator[Raw]:
    """Those of ECS that are there."""
    arns, ecs = list(calls.paged("ecs", "list_clusters", "clusterArns")), calls.client("ecs")
    for start in range(0, len(arns), DESCRIBED_AT_ONCE):
        found = ecs.describe_clusters(clusters=arns[start : start + DESCRIBED_AT_ONCE], include=["TAGS"])["clusters"]
        yield from (each for each in found if each["status"] != "INACTIVE")


def services(calls: Calls) -> Iterator[Raw]:
    """Of every cluster of ECS. With `Task`, the definition of what runs on Fargate, if it may be asked for."""
    known: dict[str, Raw | None] = {}
    for cluster in calls.paged("ecs", "list_clusters", "clusterArns"):
        for each in all_services(calls.client("ecs"), cluster) or ():
            arn = each.get("taskDefinition", "")
            if each.get("launchType") != "EC2" and arn and arn not in known:
                known[arn] = _described(
                    calls.client("ecs").describe_task_definition, "taskDefinition", taskDefinition=arn
                )
            yield {**each, "Task": known.get(arn)}


def _described(call: Callable[..., Any], key: str, /, **asked: Any) -> Raw | None:
    """What a call says of one thing; none where it may not be asked, and the thing is listed without."""
    try:
        found: Raw = call(**asked)[key]
    except (BotoCoreError, ClientError):
        return None
    return found


def definitions(calls: Calls) -> Iterator[Raw]:
    """The newest active revision of each family."""
    newest: dict[str, tuple[int, str]] = {}
    for arn in calls.paged("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE"):
        family, _, revision = arn.rpartition("/")[2].rpartition(":")
        newest[family] = max(newest.get(family, (0, "")), (int(revision), arn))
    for family, (_, arn) in newest.items():
        yield {"family": family, "taskDefinitionArn": arn}


def databases(*, in_cluster: bool) -> Things:
    """RDS's instances that belong to a cluster, or those that do not."""

    def found(calls: Calls) -> Iterator[Raw]:
        for each in calls.paged("rds", "describe_db_instances", "DBInstances"):
            if bool(each.get("DBClusterIdentifier")) is in_cluster and each["Engine"] not in NOT_RDS:
                yield each

    return lasting(found, "DBInstanceStatus")


def database_clusters(calls: Calls) -> Iterator[Raw]:
    """RDS answers with the clusters of two other services too."""
    found = calls.paged("rds", "describe_db_clusters", "DBClusters")
    return (each for each in found if each["Engine"] not in NOT_RDS)


def keys(calls: Calls) -> Iterator[Raw]:
    """The keys of KMS that are not about to be deleted. AWS's own have an alias that says so, and are not asked about."""
    own = {
        each["TargetKeyId"]
        for each in calls.paged("kms", "list_aliases", "Aliases")
        if each["AliasName"].startswith("alias/aws/") and "TargetKeyId" in each
    }
    for each in calls.paged("kms", "list_keys", "Keys"):
        if each["KeyId"] in own:
            yield {"KeyId": each["KeyId"], "Arn": each["KeyArn"], "KeyManager": "AWS"}
            continue
        told = calls.client("kms").describe_key(KeyId=each["KeyId"])["KeyMetadata"]
        if told["KeyState"] not in ("PendingDeletion", "PendingReplicaDeletion"):
            yield told


def buckets(calls: Calls) -> Iterator[Raw]:
    """With their regions, which S3 lists only where it is asked for pages, if at all."""
    size = {"PageSize": BUCKETS_AT_ONCE}
    for each in calls.paged("s3", "list_buckets", "Buckets", PaginationConfig=size):
        region = each.get("BucketRegion") or _region_of(calls.client("s3"), each["Name"])
        yield {**each, "Region": region, "Arn": f"arn:{calls.partition}:s3:::{each['Name']}"}


def _region_of(s3: Any, bucket: str) -> str:
    told = s3.get_bucket_location(Bucket=bucket)["LocationConstraint"]
    # What is older than the other regions' names.
    return {None: "us-east-1", "EU": "eu-west-1"}.get(told, str(told))


def zones(calls: Calls) -> Iterator[Raw]:
    """Route 53 tells no ARN, and its ids with a path before them."""
    for each in calls.paged("route53", "list_hosted_zones", "HostedZones"):
        id_ = each["Id"].rpartition("/")[2]
        yield {
            **each,
            "Id": id_,
            "Arn": f"arn:{calls.partition}:route53:::hostedzone/{id_}",
            "Name": each["Name"].rstrip("."),
        }


def queues(calls: Calls) -> Iterator[Raw]:
    """SQS tells their addresses alone."""
    for url in calls.paged("sqs", "list_queues", "QueueUrls"):
        yield {"Url": url, "Name": url.rpartition("/")[2]}


def tables(calls: Calls) -> Iterator[Raw]:
    """DynamoDB lists their names alone. With `BillingMode`, if they may be described."""
    for name in calls.paged("dynamodb", "list_tables", "TableNames"):
        told = _described(calls.client("dynamodb").describe_table, "Table", TableName=name)
        mode = (told.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED") if told else None
        yield {"Name": name, "BillingMode": mode}


def certificates(calls: Calls) -> Iterator[Raw]:
    """Of every type of key: ACM leaves out most unless it is told them."""
    yield from calls.paged("acm", "list_certificates", "CertificateSummaryList", Includes={"keyTypes": KEY_TYPES})
