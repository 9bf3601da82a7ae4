"""What code says of costs: values of its own and those that all callers hand in alike, in the region that is sure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.aws.billing import NOT_KNOWN, Billing
from butai.inventory.code_billing import CodeBillings
from butai.inventory.values import Values
from support.written import WrittenBeside, graph_of

TOKYO, VIRGINIA = "ap-northeast-1", "us-east-1"
NODE = """
variable "size" {}
variable "number" { default = 1 }
resource "aws_elasticache_cluster" "one" {
  engine          = "memcached"
  node_type       = var.size
  num_cache_nodes = var.number
}
"""


def billings(files: dict[str, str], regions: dict[str, str] | None = None) -> dict[str, tuple[str, Billing]]:
    graph = graph_of(files)
    return CodeBillings(graph, Values(graph), regions or {}).all()


def one(code: str, type_: str, regions: dict[str, str] | None = None) -> tuple[str, dict[str, Any] | None]:
    """The region and the parts of the only resource of a type; none where they are not known."""
    [(region, found)] = [each for id_, each in billings({"live/main.tf": code}, regions).items() if type_ in id_]
    if not found.is_known:
        return region, None
    return region, {each.rate.usage: float(each.number) for each in found.parts}


def calls(*inputs: str) -> dict[str, str]:
    blocks = "\n".join(f'module "m{number}" {{\nsource = "../m"\n{each}\n}}' for number, each in enumerate(inputs))
    return {"live/main.tf": f'provider "aws" {{ region = "{TOKYO}" }}\n{blocks}', "m/main.tf": NODE}


def of_module(*inputs: str) -> tuple[str, Billing]:
    return billings(calls(*inputs))["m:aws_elasticache_cluster.one"]


def test_what_all_calls_hand_in_alike_is_known() -> None:
    region, found = of_module('size = "n"', 'size = "n"')
    assert region == TOKYO and [each.rate.usage for each in found.parts] == ["NodeUsage:n"]
    assert of_module('size = "n"\nnumber = 3')[1].parts[0].number == 3
    for differing in (
        ('size = "n"', 'size = "o"'),
        ('size = "n"', 'size = "n"\nnumber = 2'),
        ("size = aws_vpc.x.id",),
        ('size = each.key\nfor_each = toset(["n"])',),
    ):
        assert of_module(*differing)[1] == NOT_KNOWN


def test_a_modules_default_is_not_taken_for_what_its_caller_hands_in() -> None:
    assert of_module('size = "n"\nnumber = var.elsewhere')[1] == NOT_KNOWN
    assert of_module('size = "n"\nnumber = null')[1].parts[0].number == 1, (
        "null stands for the default only if it may not be null"
    )


def test_calls_in_a_circle_and_through_several_modules() -> None:
    files = {
        "live/main.tf": f'provider "aws" {{ region = "{TOKYO}" }}\nmodule "a" {{\nsource = "../a"\nsize = "n"\n}}',
        "a/main.tf": 'variable "size" {}\nmodule "m" {\nsource = "../m"\nsize = "cache.${var.size}"\n}',
        "m/main.tf": NODE + 'module "again" {\nsource = "../a"\nsize = var.size\n}',
    }
    assert billings(files)["m:aws_elasticache_cluster.one"][1] == NOT_KNOWN, "the circle hands something else in"
    files["m/main.tf"] = NODE
    assert billings(files)["m:aws_elasticache_cluster.one"][1].parts[0].rate.usage == "NodeUsage:cache.n"


GATEWAY = 'resource "aws_nat_gateway" "out" {}\n'


@pytest.mark.parametrize(
    ("code", "regions", "region"),
    [
        (GATEWAY, {"live": TOKYO}, TOKYO),
        (GATEWAY, {}, ""),
        (f'provider "aws" {{ region = "{VIRGINIA}" }}\n{GATEWAY}', {"live": TOKYO}, VIRGINIA),
        (f'provider "aws" {{ region = var.region }}\n{GATEWAY}', {"live": TOKYO}, TOKYO),
        (
            f'provider "aws" {{\nalias = "v"\nregion = "{VIRGINIA}"\n}}\n{GATEWAY.replace("{", "{ provider = aws.v")}',
            {"live": TOKYO},
            VIRGINIA,
        ),
        (
            f'provider "aws" {{\nalias = "v"\nregion = var.x\n}}\n{GATEWAY.replace("{", "{ provider = aws.v")}',
            {"live": TOKYO},
            "",
        ),
    ],
)
def test_the_region_is_the_providers_else_the_blueprints(code: str, regions: dict[str, str], region: str) -> None:
    assert one(code, "aws_nat_gateway", regions) == (region, {"NatGateway-Hours": 1})


def test_a_module_has_a_region_where_all_roots_agree_and_hand_no_provider_in() -> None:
    call = 'module "m" {\nsource = "../m"\n}\n'
    files = {"a/main.tf": call + 'terraform { backend "s3" {} }', "b/main.tf": call, "m/main.tf": GATEWAY}
    at = "m:aws_nat_gateway.out"
    assert billings(files, {"a": TOKYO, "b": TOKYO})[at][0] == TOKYO
    assert billings(files, {"a": TOKYO, "b": VIRGINIA})[at][0] == ""
    graph = graph_of(files)
    assert CodeBillings(graph, Values(graph), {"a": TOKYO}, TOKYO).of(graph.nodes[at])[0] == TOKYO
    assert CodeBillings(graph, Values(graph), {"a": TOKYO, "b": ""}, TOKYO).of(graph.nodes[at])[0] == ""
    files["b/main.tf"] = call.replace('"../m"\n', '"../m"\nproviders = { aws = aws.v }\n')
    assert billings(files, {"a": TOKYO, "b": TOKYO})[at][0] == ""


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("count = 3", 3),
        ("count = 0", 0),
        ('for_each = toset(["a", "b"])', 2),
        ("for_each = { a = 1 }", 1),
        ("count = var.many", None),
        ("count = local.x ? 1 : 0", None),
        ("for_each = toset(aws_vpc.x.ids)", None),
    ],
)
def test_count_and_for_each(said: str, number: int | None) -> None:
    paid = {"NatGateway-Hours": number} if number else {}
    assert one(GATEWAY.replace("{", f"{{\n{said}\n"), "aws_nat")[1] == (None if number is None else paid)


SERVICE = """
resource "aws_ecs_service" "web" {
  desired_count   = 2
  task_definition = aws_ecs_task_definition.web.arn
  %s
}
resource "aws_ecs_task_definition" "web" {
  cpu    = 512
  memory = "1024"
  %s
}
"""
FARGATE = 'launch_type = "FARGATE"'
STRATEGY = 'capacity_provider_strategy {\ncapacity_provider = "%s"\n}\n'
X86 = {"Fargate-vCPU-Hours:perCPU": 1.0, "Fargate-GB-Hours": 2.0}


@pytest.mark.parametrize(
    ("service", "task", "paid"),
    [
        (FARGATE, "", X86),
        (STRATEGY % "FARGATE", "", X86),
        (
            FARGATE,
            'runtime_platform {\ncpu_architecture = "ARM64"\n}\nephemeral_storage {\nsize_in_gib = 21\n}',
            {"Fargate-ARM-vCPU-Hours:perCPU": 1, "Fargate-ARM-GB-Hours": 2, "Fargate-EphemeralStorage-GB-Hours": 2},
        ),
        ("", "", None),
        (STRATEGY % "FARGATE" + STRATEGY % "FARGATE_SPOT", "", None),
        (f"{FARGATE}\nlifecycle {{\nignore_changes = [task_definition, desired_count]\n}}", "", None),
        (f"{FARGATE}\nlifecycle {{\nignore_changes = all\n}}", "", None),
        (f"{FARGATE}\nlifecycle {{\nignore_changes = [task_definition]\n}}", "", X86),
        (FARGATE, 'dynamic "runtime_platform" {\nfor_each = [1]\ncontent {\ncpu_architecture = "ARM64"\n}\n}', None),
    ],
)
def test_a_service_is_paid_by_its_tasks(service: str, task: str, paid: dict[str, float] | None) -> None:
    assert one(SERVICE % (service, task), "aws_ecs_service")[1] == paid


def test_what_another_resource_says_of_it() -> None:
    cluster = (
        'resource "aws_rds_cluster" "c" {\nengine = "aurora-mysql"\n%s\n}\nresource "aws_rds_cluster_instance" "i" {\n'
    )
    code = f'{cluster}cluster_identifier = aws_rds_cluster.c.id\nengine = aws_rds_cluster.c.engine\ninstance_class = "db.a"\n}}'
    assert one(code % "", "cluster_instance")[1] == {"InstanceUsage:db.a": 1}
    assert one(code % 'storage_type = "aurora-iopt1"', "cluster_instance")[1] is None
    assert one('resource "aws_ebs_volume" "v" {\nsize = 8\ntype = "gp3"\n}', "ebs")[1] == {"EBS:VolumeUsage.gp3": 8}
    assert one('resource "aws_instance" "i" {\ninstance_type = "t3.micro"\n}', "aws_instance")[1] is None
    assert one('resource "aws_alb" "b" {}', "aws_alb")[1] == {"LoadBalancerUsage": 1}
    group = 'resource "aws_elasticache_replication_group" "g" {\nnode_type = "n"\n%s\n}'
    assert one(group % "num_node_groups = 2\nreplicas_per_node_group = 1", "group")[1] == {"NodeUsage:n": 4}
    assert one(group % "cluster_mode {\nnum_node_groups = 2\n}", "group")[1] == {"NodeUsage:n": 2}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**20) | st.text(alphabet='a${}%"\\\n\u00e9 ', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab$", max_size=3), inner, max_size=3),
    max_leaves=6,
)


HANDED = graph_of(
    {
        "live/main.tf": 'module "m" {\nsource = "../m"\nx = jsondecode(file("${path.module}/x.json"))\n}',
        "m/main.tf": 'variable "x" {}',
    }
)


@given(JSON)
def test_what_is_handed_in_comes_out_as_it_was(value: Any) -> None:
    values = Values(HANDED, WrittenBeside({"live/x.json": json.dumps(value).encode()}))
    assert values.of(HANDED.nodes["m:var.x"]) == {"value": value}
