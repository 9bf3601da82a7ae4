"""What somebody new is told, out of the graph alone: the way of a request above all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from butai.inventory.measures import Changes, age_and_churn, of_group, step
from butai.inventory.model import Graph
from butai.inventory.newcomer import Way, first_look, ways
from butai.inventory.view import Colour
from support.written import graph_of

pytestmark = pytest.mark.model

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SHOP = {
    "live/main.tf": """
        resource "aws_route53_record" "shop" { records = [aws_lb.front.dns_name] }
        resource "aws_route53_record" "other" { records = ["example.com"] }
        resource "aws_lb" "front" { name = "front" }
        resource "aws_lb_listener" "https" { load_balancer_arn = aws_lb.front.arn }
        resource "aws_lb_listener_rule" "shop" {
          listener_arn = aws_lb_listener.https.arn
          action { target_group_arn = aws_lb_target_group.shop.arn }
        }
        resource "aws_lb_listener_rule" "admin" {
          listener_arn = aws_lb_listener.https.arn
          action { target_group_arn = aws_lb_target_group.admin.arn }
        }
        resource "aws_lb_target_group" "shop" { name = "shop" }
        resource "aws_lb_target_group" "admin" { name = "admin" }
        resource "aws_ecs_task_definition" "shop" { container_definitions = local.environment }
        locals { environment = [aws_elasticache_cluster.sessions.address, data.aws_db_instance.main.address] }
        resource "aws_elasticache_cluster" "sessions" { cluster_id = "sessions" }
        data "aws_db_instance" "main" { db_instance_identifier = "main" }
        resource "aws_sqs_queue" "unused" { name = "unused" }
        resource "aws_ecs_service" "shop" {
          task_definition = aws_ecs_task_definition.shop.arn
          load_balancer { target_group_arn = aws_lb_target_group.shop.arn }
          depends_on = [aws_lb_listener_rule.admin]
        }
    """,
}


def names(way: Way) -> tuple[list[str], list[str], str, list[str]]:
    return (
        [each.address for each in way.dns],
        [each.address for each in way.entry],
        way.service.address,
        [each.address for each in way.stores],
    )


def test_a_request_comes_from_a_name_by_a_rule_to_a_service_and_its_data() -> None:
    [way] = ways(graph_of(SHOP))
    assert names(way) == (
        ["aws_route53_record.shop"],
        ["aws_lb.front", "aws_lb_listener.https", "aws_lb_listener_rule.shop", "aws_lb_target_group.shop"],
        "aws_ecs_service.shop",
        ["aws_elasticache_cluster.sessions", "data.aws_db_instance.main"],
    )


def test_the_way_goes_through_modules() -> None:
    graph = graph_of(
        {
            "live/main.tf": """
                module "queue" { source = "../modules/queue" }
                module "work" {
                  source = "../modules/work"
                  queue  = module.queue.url
                }
                resource "aws_route53_record" "hook" { name = module.work.address }
            """,
            "modules/queue/main.tf": """
                resource "aws_sqs_queue" "this" { name = "calls" }
                output "url" { value = aws_sqs_queue.this.url }
            """,
            "modules/work/main.tf": """
                variable "queue" {}
                resource "aws_lambda_function" "this" { environment { variables = { QUEUE = var.queue } } }
                resource "aws_lambda_function_url" "this" { function_name = aws_lambda_function.this.arn }
                output "address" { value = aws_lambda_function_url.this.function_url }
            """,
        }
    )
    [way] = ways(graph)
    assert names(way) == (
        ["aws_route53_record.hook"],
        ["aws_lambda_function_url.this"],
        "aws_lambda_function.this",
        ["aws_sqs_queue.this"],
    )


def test_a_group_of_instances_is_attached_and_modules_from_elsewhere_are_known_by_name() -> None:
    graph = graph_of(
        {
            "live/main.tf": """
                module "alb" { source = "terraform-aws-modules/alb/aws" }
                module "db" { source = "git::https://example.com/terraform-aws-rds.git?ref=v1" }
                module "label" { source = "cloudposse/label/null" }
                module "own" { source = "./rds" }
                module "web" {
                  source = "terraform-aws-modules/ecs/aws//modules/service"
                  group  = module.alb.target_groups["web"].arn
                  env    = [module.db.address, module.label.id, module.own.id]
                }
                module "group" {
                  source = "../modules/group"
                  groups = [module.alb.target_groups["old"].arn]
                }
                resource "aws_route53_record" "web" { records = [module.alb.dns_name] }
            """,
            "live/rds/main.tf": 'output "id" { value = 1 }',
            "modules/group/main.tf": """
                variable "groups" {}
                resource "aws_autoscaling_group" "this" {}
                resource "aws_autoscaling_attachment" "this" {
                  autoscaling_group_name = aws_autoscaling_group.this.name
                  lb_target_group_arn    = var.groups[0]
                }
            """,
        }
    )
    assert [names(each) for each in ways(graph)] == [
        (["aws_route53_record.web"], ["module.alb"], "module.web", ["module.db"]),
        (
            ["aws_route53_record.web"],
            ["module.alb", "aws_autoscaling_attachment.this"],
            "aws_autoscaling_group.this",
            [],
        ),
    ]


GOOGLE = """
    resource "google_dns_record_set" "shop" { rrdatas = [google_compute_global_address.shop.address] }
    resource "google_compute_global_address" "shop" {}
    resource "google_compute_global_forwarding_rule" "shop" {
      ip_address = google_compute_global_address.shop.address
      target     = google_compute_target_https_proxy.shop.id
    }
    resource "google_compute_target_https_proxy" "shop" { url_map = google_compute_url_map.shop.id }
    resource "google_compute_url_map" "shop" {
      default_service = google_compute_backend_service.shop.id
      other           = google_compute_backend_service.admin.id
    }
    resource "google_compute_backend_service" "shop" {
      backend { group = google_compute_region_network_endpoint_group.shop.id }
    }
    resource "google_compute_backend_service" "admin" {}
    resource "google_compute_region_network_endpoint_group" "shop" {
      cloud_run { service = google_cloud_run_v2_service.shop.name }
    }
    resource "google_cloud_run_v2_service" "shop" {
      env { value = google_sql_database_instance.main.name }
      peer = google_compute_url_map.admin.id
    }
    resource "google_compute_url_map" "admin" {}
    resource "google_sql_database_instance" "main" {}
"""


def test_where_each_names_the_next_the_way_is_followed_from_the_service() -> None:
    [way] = ways(graph_of({"main.tf": GOOGLE}))
    assert names(way) == (
        ["google_dns_record_set.shop"],
        [
            "google_compute_backend_service.shop",
            "google_compute_global_forwarding_rule.shop",
            "google_compute_region_network_endpoint_group.shop",
            "google_compute_target_https_proxy.shop",
            "google_compute_url_map.shop",
        ],
        "google_cloud_run_v2_service.shop",
        ["google_sql_database_instance.main"],
    )


def test_of_which_most_is_known_comes_first() -> None:
    files = {"a/main.tf": 'resource "aws_lambda_function" "alone" {}', **SHOP}
    found = first_look(graph_of(files), None, NOW).ways
    assert [each.service.address for each in found] == ["aws_ecs_service.shop", "aws_lambda_function.alone"]


def test_what_no_request_comes_to_has_no_way() -> None:
    graph = graph_of({"a/main.tf": 'resource "aws_vpc" "this" {}\ndata "aws_ecs_service" "theirs" {}'})
    assert list(ways(graph)) == []


@pytest.fixture
def shop() -> Graph:
    return graph_of(SHOP)


def test_the_biggest_folders_come_first_and_without_git_nothing_is_said_of_age(shop: Graph) -> None:
    look = first_look(shop, None, NOW)
    assert [(each.folder, each.is_root) for each in look.biggest] == [("live", True)]
    assert (look.oldest, look.daily, look.untouched) == (None, None, None)


def test_git_tells_what_is_old_and_what_changes(shop: Graph) -> None:
    def changes(days: int, in_30_days: int) -> Changes:
        return Changes(NOW - timedelta(days=900), NOW - timedelta(days=days), in_30_days, in_30_days, in_30_days)

    history = {"live:aws_lb.front": changes(400, 0), "live:aws_ecs_service.shop": changes(1, 12)}
    look = first_look(shop, history, NOW)
    assert look.oldest is not None and look.daily is not None
    assert [each.node.id for each in look.oldest] == ["live:aws_lb.front", "live:aws_ecs_service.shop"]
    assert [each.node.id for each in look.daily] == ["live:aws_ecs_service.shop"]
    assert look.untouched == 1
    figures = age_and_churn(history, NOW)
    assert figures[Colour.AGE]["live:aws_lb.front"] == 400 and figures[Colour.CHURN]["live:aws_lb.front"] == 0


def test_a_group_has_the_colour_of_what_stands_out_in_it() -> None:
    assert [step(Colour.AGE, figure) for figure in (0, 29, 30, 729, 9999, None)] == [
        "step-0", "step-0", "step-1", "step-3", "step-4", "unknown",
    ]  # fmt: skip
    assert of_group(Colour.AGE, [3, None, 70]) == 70
    assert of_group(Colour.COST, [3, None, 70]) == 73
    assert of_group(Colour.COVERAGE, [3, None, 70]) == 3
    assert of_group(Colour.CHURN, [None]) is None
