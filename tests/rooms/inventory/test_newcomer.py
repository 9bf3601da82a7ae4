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
