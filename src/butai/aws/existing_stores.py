"""The kinds of things that hold data or secrets."""

from __future__ import annotations

from butai.aws import existing_calls as calls
from butai.aws.existing_calls import lasting, paged
from butai.aws.existing_kind import Kind, flag

DATA = (
    Kind(
        "aws_elasticache_cluster",
        "elasticache:cluster:",
        lasting(paged("elasticache", "describe_cache_clusters", "CacheClusters"), "CacheClusterStatus"),
        "CacheClusterId",
        arn="ARN",
        created="CacheClusterCreateTime",
        by_aws=flag("ReplicationGroupId"),
    ),
    Kind(
        "aws_elasticache_replication_group",
        "elasticache:replicationgroup:",
        lasting(paged("elasticache", "describe_replication_groups", "ReplicationGroups"), "Status"),
        "ReplicationGroupId",
        arn="ARN",
        created="ReplicationGroupCreateTime",
    ),
    Kind(
        "aws_elasticache_subnet_group",
        "elasticache:subnetgroup:",
        paged("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups"),
        "CacheSubnetGroupName",
        arn="ARN",
        by_aws=lambda raw: raw["CacheSubnetGroupName"] == "default",
    ),
    Kind(
        "aws_db_instance",
        "rds:db:",
        calls.databases(in_cluster=False),
        "DbiResourceId",
        arn="DBInstanceArn",
        name="DBInstanceIdentifier",
        created="InstanceCreateTime",
    ),
    Kind(
        "aws_rds_cluster_instance",
        "rds:db:",
        calls.databases(in_cluster=True),
        "DBInstanceIdentifier",
        arn="DBInstanceArn",
        created="InstanceCreateTime",
    ),
    Kind(
        "aws_rds_cluster",
        "rds:cluster:",
        lasting(calls.database_clusters, "Status"),
        "DBClusterIdentifier",
        arn="DBClusterArn",
        created="ClusterCreateTime",
    ),
    Kind(
        "aws_db_subnet_group",
        "rds:subgrp:",
        paged("rds", "describe_db_subnet_groups", "DBSubnetGroups"),
        "DBSubnetGroupName",
        arn="DBSubnetGroupArn",
        by_aws=lambda raw: raw["DBSubnetGroupName"] == "default",
    ),
    Kind("aws_dynamodb_table", "dynamodb:table/", calls.tables, "Name"),
    Kind(
        "aws_s3_bucket",
        "s3:",
        calls.buckets,
        "Name",
        arn="Arn",
        created="CreationDate",
        is_global=True,
        region="Region",
    ),
    Kind(
        "aws_ssm_parameter",
        "ssm:parameter/",
        paged("ssm", "describe_parameters", "Parameters", PaginationConfig={"PageSize": 50}),
        "Name",
    ),
    Kind(
        "aws_secretsmanager_secret",
        "secretsmanager:secret:",
        paged("secretsmanager", "list_secrets", "SecretList"),
        "ARN",
        arn="ARN",
        name="Name",
        created="CreatedDate",
        by_aws=flag("OwningService"),
    ),
    Kind(
        "aws_kms_key",
        "kms:key/",
        calls.keys,
        "KeyId",
        arn="Arn",
        created="CreationDate",
        by_aws=lambda raw: raw["KeyManager"] == "AWS",
    ),
)
