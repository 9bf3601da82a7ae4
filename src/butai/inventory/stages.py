"""Where a request meets what is written: at a name, at an entry, at a service, or where that keeps its data. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from butai.inventory.parts import Kind, Node


class Stage(StrEnum):
    """Where a request passes through, in its order."""

    DNS = "dns"
    ENTRY = "entry"
    SERVICE = "service"
    STORE = "store"


# What ends with `_` stands for all that begin so.
_TYPES: Final = {
    Stage.DNS: (
        "aws_route53_record", "aws_service_discovery_service", "cloudflare_record", "cloudflare_dns_record",
        "google_dns_record_set", "azurerm_dns_a_record", "azurerm_dns_aaaa_record", "azurerm_dns_cname_record",
    ),
    Stage.ENTRY: (
        "aws_lb", "aws_alb", "aws_elb", "aws_cloudfront_distribution", "aws_api_gateway_", "aws_apigatewayv2_",
        "aws_lb_", "aws_alb_", "aws_elb_", "aws_lambda_function_url", "aws_globalaccelerator_",
        "aws_autoscaling_attachment", "aws_autoscaling_traffic_source_attachment",
        "google_compute_forwarding_rule", "google_compute_global_forwarding_rule", "google_compute_target_",
        "google_compute_url_map", "google_compute_region_target_", "google_compute_region_url_map",
        "google_compute_backend_service", "google_compute_region_backend_service", "google_api_gateway_",
        "google_compute_region_network_endpoint_group",
        "azurerm_lb", "azurerm_lb_", "azurerm_application_gateway", "azurerm_frontdoor", "azurerm_cdn_frontdoor_",
        "azurerm_api_management", "azurerm_api_management_",
        "kubernetes_ingress", "kubernetes_ingress_v1", "kubernetes_service", "kubernetes_service_v1",
    ),
    Stage.SERVICE: (
        "aws_ecs_service", "aws_lambda_function", "aws_instance", "aws_autoscaling_group", "aws_apprunner_service",
        "aws_eks_cluster", "aws_elastic_beanstalk_environment",
        "google_cloud_run_service", "google_cloud_run_v2_service", "google_container_cluster", "google_compute_instance",
        "google_compute_instance_group_manager", "google_compute_region_instance_group_manager",
        "google_cloudfunctions_function", "google_cloudfunctions2_function",
        "azurerm_linux_web_app", "azurerm_windows_web_app", "azurerm_linux_function_app", "azurerm_windows_function_app",
        "azurerm_container_app", "azurerm_container_group", "azurerm_kubernetes_cluster", "azurerm_linux_virtual_machine",
        "azurerm_windows_virtual_machine", "azurerm_linux_virtual_machine_scale_set",
        "kubernetes_deployment", "kubernetes_deployment_v1", "kubernetes_stateful_set", "kubernetes_stateful_set_v1",
    ),
    Stage.STORE: (
        "aws_elasticache_cluster", "aws_elasticache_replication_group", "aws_elasticache_serverless_cache",
        "aws_db_instance", "aws_rds_cluster", "aws_dynamodb_table", "aws_s3_bucket", "aws_sqs_queue", "aws_sns_topic",
        "aws_kinesis_stream", "aws_kinesis_firehose_delivery_stream", "aws_msk_cluster", "aws_opensearch_domain",
        "aws_elasticsearch_domain", "aws_efs_file_system", "aws_docdb_cluster", "aws_memorydb_cluster",
        "aws_redshift_cluster", "aws_neptune_cluster", "aws_mq_broker",
        "google_sql_database_instance", "google_redis_instance", "google_memcache_instance", "google_storage_bucket",
        "google_pubsub_topic", "google_spanner_instance", "google_bigtable_instance", "google_bigquery_dataset",
        "google_firestore_database", "google_alloydb_cluster", "google_filestore_instance",
        "azurerm_mssql_server", "azurerm_mssql_database", "azurerm_postgresql_flexible_server",
        "azurerm_mysql_flexible_server", "azurerm_storage_account", "azurerm_redis_cache", "azurerm_cosmosdb_account",
        "azurerm_servicebus_namespace", "azurerm_servicebus_queue", "azurerm_eventhub",
    ),
}  # fmt: skip
# Modules from elsewhere of whose content nothing is known, by the names that their makers gave them.
_MODULES: Final = {
    Stage.DNS: ("route53", "route53-alias", "route53-cluster-hostname"),
    Stage.ENTRY: (
        "alb", "elb", "nlb", "apigateway-v2", "cloudfront", "cloudfront-cdn", "cloudfront-s3-cdn", "global-accelerator",
    ),
    Stage.SERVICE: (
        "ecs", "ecs-alb-service-task", "ecs-web-app", "lambda", "lambda-function", "autoscaling", "ec2-autoscale-group",
        "ec2-instance", "eks", "eks-cluster", "app-runner", "kubernetes-engine", "cloud-run", "aks",
    ),
    Stage.STORE: (
        "rds", "rds-aurora", "rds-cluster", "rds-instance", "elasticache", "elasticache-redis", "dynamodb", "dynamodb-table",
        "s3-bucket", "sqs", "sns", "sns-topic", "msk-kafka-cluster", "msk-apache-kafka-cluster", "mq-broker", "opensearch",
        "elasticsearch", "efs", "documentdb-cluster", "memory-db", "redshift", "sql-db", "memorystore", "cloud-storage",
        "pubsub", "bigquery",
    ),
}  # fmt: skip
_EXACT: Final = {each: at for at, types in _TYPES.items() for each in types if not each.endswith("_")}
_BEGINNINGS: Final = [(each, at) for at, types in _TYPES.items() for each in types if each.endswith("_")]
_BY_MODULE: Final = {each: at for at, names in _MODULES.items() for each in names}
# `NAMESPACE/NAME/PROVIDER` with a registry's host before it or not, and `.../terraform-PROVIDER-NAME.git?ref=v1`.
_REGISTRY: Final = re.compile(r"(?:[\w.-]+\.[\w.-]+/)?[\w-]+/([\w-]+)/[\w-]+(?://.*)?")
_REPOSITORY: Final = re.compile(r".*/terraform-[a-z]+-([\w-]+?)(?:\.git)?(?://.*?)?(?:\?.*)?")
# Each of these names the next one on the way to the service; in AWS a rule names both its balancer and its group.
_TOWARDS: Final = ("google_", "azurerm_", "kubernetes_")
# What has the address that a name leads to, and stands before an entry.
_ADDRESSES: Final = frozenset({"google_compute_address", "google_compute_global_address", "azurerm_public_ip"})


def stage(node: Node) -> Stage | None:
    """Where a request meets a resource of this type, one that is looked up, or a module from elsewhere of that name."""
    if node.kind is Kind.CALL:
        return _stage_of_call(str(node.block.value("source", "")) if node.block else "")
    if node.kind not in {Kind.RESOURCE, Kind.DATA}:
        return None
    if node.type in _EXACT:
        return _EXACT[node.type]
    return next((at for beginning, at in _BEGINNINGS if node.type.startswith(beginning)), None)


def _stage_of_call(source: str) -> Stage | None:
    if source.startswith((".", "/")):
        return None
    found = _REGISTRY.fullmatch(source) or _REPOSITORY.fullmatch(source)
    return _BY_MODULE.get(found[1]) if found else None


def leads_towards(node: Node) -> bool:
    """Whether an entry names what comes after it, so that what comes before it is what names it."""
    return node.type.startswith(_TOWARDS)


def is_shared(node: Node) -> bool:
    """Whether many services stand behind an entry: a balancer, and a module from elsewhere, which holds one."""
    return node.kind is Kind.CALL or node.type in {"aws_lb", "aws_alb", "aws_elb"}


def is_address(node: Node) -> bool:
    """Whether it is an address that names lead to and an entry has."""
    return node.kind in {Kind.RESOURCE, Kind.DATA} and node.type in _ADDRESSES
