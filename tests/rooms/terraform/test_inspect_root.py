"""What is found in a root for a first `butai.yaml`, and that the file is one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from butai.blueprints.validate import BlueprintError, check_against_root, parse
from butai.terraform.first_blueprint import FILL_IN, first_blueprint
from butai.terraform.hcl import read_root
from butai.terraform.inspect import Proposal, propose

ROOT = """
provider "aws" {
  region = var.region
}

variable "region" {
  default = "ap-northeast-1"
}
variable "name" {
  default = "shop"
}
variable "environment" {
  type = string
}
variable "environment_count" {
  type    = number
  default = 1
}
variable "web_image" {
  default = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/shop-web:latest"
}
variable "proxy_image" {
  default = "nginx:1.27"
}
variable "api_tag" {
  type = string
}
variable "priority" {
  type = number
}
variable "domain" {
  default = "stg.example.com"
}
variable "vpc_cidr" {
  default = "10.0.0.0/20"
}
variable "db_password" {
  type      = string
  sensitive = true
}
variable "session_secret" {
  type = string
}
variable "account_id" {
  type = string
}
variable "set_in_tfvars" {
  type = string
}

locals {
  prefix = "${var.name}-${var.environment}"
  host   = "${var.environment}.${var.domain}"
  admin  = "${var.environment}-admin.${var.domain}"
  api    = { image = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/api:${var.api_tag}" }
}

resource "aws_vpc" "main" {
  cidr_block = var.vpc_cidr
}

resource "aws_ecs_task_definition" "web" {
  family = "${local.prefix}-web"
  container_definitions = jsonencode([
    { name = "proxy", image = var.proxy_image },
    { name = "web", image = var.web_image, environment = [{ name = "TAG", value = var.api_tag }] },
  ])
}

resource "aws_ecs_service" "web" {
  name            = "${local.prefix}-web"
  task_definition = aws_ecs_task_definition.web.arn
}

resource "aws_ecs_task_definition" "api" {
  family                = "${local.prefix}-api"
  container_definitions = jsonencode([local.api])
}

resource "aws_ecs_service" "api" {
  for_each        = toset(["a"])
  name            = "${local.prefix}-api"
  task_definition = aws_ecs_task_definition.api.arn
}

resource "aws_ecs_service" "batch" {
  name            = "batch"
  task_definition = aws_ecs_task_definition.batch.arn
}

resource "aws_ecs_task_definition" "batch" {
  family                = "batch"
  container_definitions = jsonencode([{ image = "busybox" }])
}

resource "aws_ecs_service" "web_spare" {
  name            = "${local.prefix}-spare"
  task_definition = aws_ecs_task_definition.web.arn
}

resource "aws_lb_listener_rule" "web" {
  priority = var.priority
  condition {
    host_header {
      values = [local.host]
    }
  }
}

resource "aws_lb_listener_rule" "fixed" {
  priority = 7
}

output "queue_url" {
  value = aws_sqs_queue.q.url
}
output "api_endpoint" {
  value = aws_apigatewayv2_api.a.api_endpoint
}
output "redis_endpoint" {
  value = "x"
}
output "url" {
  value = "https://${local.host}"
}
output "admin" {
  value = "https://${local.admin}/"
}
output "secret_url" {
  value     = "https://x"
  sensitive = true
}
"""


@pytest.fixture
def proposal(tmp_path: Path) -> Proposal:
    (tmp_path / "main.tf").write_text(ROOT)
    return propose(read_root(tmp_path), ["set_in_tfvars"])


def test_the_variable_of_the_environments_name(proposal: Proposal) -> None:
    assert [each.name for each in proposal.environment] == ["environment", "name"]
    assert proposal.environment[0].where == "main.tf:12"
    assert proposal.environment[0].uses == 5
    assert proposal.refusals == ()


def test_region(proposal: Proposal) -> None:
    assert proposal.region == "ap-northeast-1"


def test_services_and_their_images(proposal: Proposal) -> None:
    found = {each.name: (each.address, each.variable, each.is_tag, each.many) for each in proposal.services}
    assert found == {
        "web": ("aws_ecs_service.web", "web_image", False, False),
        "api": ("aws_ecs_service.api", "api_tag", True, True),
        "batch": ("aws_ecs_service.batch", "", False, False),
        "web-spare": ("aws_ecs_service.web_spare", "web_image", False, False),
    }


def test_urls_are_pages_and_the_main_one_is_first(proposal: Proposal) -> None:
    assert [(each.label, each.output) for each in proposal.urls] == [
        ("web", "url"),
        ("api", "api_endpoint"),
        ("admin", "admin"),
    ]


def test_leases(proposal: Proposal) -> None:
    assert [(each.name, each.kind, each.variable, each.settings) for each in proposal.leases] == [
        ("priority", "range", "priority", {"from": 100, "to": 990, "step": 10}),
        ("subdomain", "subdomain", None, {"subdomain": "stg.example.com", "also": ["admin"]}),
        ("vpc_cidr", "cidr", "vpc_cidr", {"supernet": "10.32.0.0/12", "prefix": 20}),
    ]


def test_leases_in_other_places(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        'variable "env" {}\nvariable "zone" {\n  default = "example.com"\n}\nvariable "network_cidr" {}\n'
        'variable "p" {\n  type = number\n}\nvariable "word" {}\n'
        'resource "aws_route53_record" "r" {\n  name = "${var.env}.${var.zone}"\n}\n'
        'module "vpc" {\n  source = "terraform-aws-modules/vpc/aws"\n  cidr = var.network_cidr\n  name = var.word\n}\n'
        'resource "aws_vpc" "v" {\n  cidr_block = var.word\n}\n'
        + "".join(f'resource "aws_alb_listener_rule" "r{n}" {{\n  priority = var.p + {n}\n}}\n' for n in range(12))
    )
    assert [(each.name, each.kind, each.settings) for each in propose(read_root(tmp_path)).leases] == [
        ("p", "range", {"from": 100, "to": 990, "step": 20}),
        ("subdomain", "subdomain", {"subdomain": "example.com"}),
        ("network_cidr", "cidr", {"supernet": "10.32.0.0/12", "prefix": 20}),
    ]


def test_services_that_share_a_variable_are_one(proposal: Proposal) -> None:
    text = first_blueprint(proposal, "x")
    assert "aws_ecs_service.web_spare takes web_image, as `web` does; they roll together." in text
    assert "the image of aws_ecs_service.batch comes from no variable of this root." in text
    assert set(yaml.safe_load(text)["services"]) == {"web", "api"}


def test_what_is_left(proposal: Proposal) -> None:
    assert [each.name for each in proposal.secrets] == ["db_password", "session_secret"]
    assert [(each.name, each.type) for each in proposal.defaults] == [("account_id", "string")]


def test_notes(proposal: Proposal) -> None:
    text = "\n".join(proposal.notes)
    assert "the priority of aws_lb_listener_rule.fixed is fixed" in text
    assert "the name of aws_ecs_service.batch is fixed" in text
    assert "aws_ecs_service.web is" not in text


def test_the_file_is_a_blueprint_once_it_is_filled_in(proposal: Proposal, tmp_path: Path) -> None:
    text = first_blueprint(proposal, "Shop_Staging (old)")
    assert "account_id: FILL-IN # main.tf:" in text
    assert "# - main.tf:" in text
    with pytest.raises(BlueprintError, match="account_id"):
        check_against_root(parse(text), read_root(tmp_path))
    filled = text.replace("# defaults:", "defaults:\n  set_in_tfvars: x").replace("#   account_id", "  account_id")
    blueprint = parse(filled)
    check_against_root(blueprint, read_root(tmp_path))
    assert blueprint.name == "shop-staging-old"
    assert blueprint.services["web"].image == "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/shop-web:{commit}"
    assert blueprint.services["api"].image == "{commit}"
    assert blueprint.main_url() == "url"
    assert blueprint.secrets == {"db_password": "env:DB_PASSWORD", "session_secret": "env:SESSION_SECRET"}


def test_workspaces_are_refused_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        'locals {\n  name = terraform.workspace\n  more = "x-${terraform.workspace}"\n}\n'
    )
    found = propose(read_root(tmp_path))
    [refusal] = found.refusals
    assert refusal.startswith("main.tf:2: reads terraform.workspace (and at main.tf:3). It would need")
    assert 'a `backend "s3"` in which every environment is a workspace' in refusal
    assert 'variable "environment" { type = string }' in refusal
    text = first_blueprint(found, "x", region="eu-west-1")
    assert "# Not yet usable:" in text
    assert yaml.safe_load(text) == {"version": 1, "name": "x", "region": "eu-west-1", "environment_variable": FILL_IN}
    (tmp_path / "variables.tf").write_text('variable "env" {\n  type = string\n}\n')
    assert "It would need var.env there, or" in propose(read_root(tmp_path)).refusals[0]


def test_workspaces_of_an_s3_backend_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        'terraform {\n  backend "s3" {\n    bucket = "team"\n    key = "shop/x.tfstate"\n    dynamodb_table = "locks"\n'
        '    region = "eu-west-1"\n  }\n}\nvariable "project" {}\n'
        'resource "aws_sqs_queue" "q" {\n  name = "${var.project}-${terraform.workspace}"\n}\n'
    )
    found = propose(read_root(tmp_path), {"project"})
    assert found.refusals == () and found.environment == ()
    text = first_blueprint(found, "x", region="eu-west-1")
    assert "state: # this root reads terraform.workspace" in text and "  s3: # main.tf:2" in text
    s3 = {"bucket": "team", "key": "shop/x.tfstate", "region": "eu-west-1", "dynamodb_table": "locks"}
    read = parse(text)
    assert read.environment_variable is None and read.has_workspaces and read.state is not None
    assert read.state.s3.model_dump(exclude_defaults=True) == s3
    check_against_root(read, read_root(tmp_path), {"project"})


def test_a_partial_s3_backend_is_left_to_be_filled_in(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('terraform {\n  backend "s3" {}\n}\nlocals {\n  n = terraform.workspace\n}\n')
    (tmp_path / "variables.tf").write_text('variable "environment" {}\n')
    written = yaml.safe_load(first_blueprint(propose(read_root(tmp_path)), "x"))
    assert written["state"] == {"s3": {"bucket": FILL_IN, "key": FILL_IN, "use_lockfile": True}}
    assert written["environment_variable"] == "environment"


def test_a_root_without_a_name_of_the_environment_is_told(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('variable "color" {}\nresource "aws_s3_bucket" "x" {\n  bucket = "x"\n}\n')
    assert propose(read_root(tmp_path)).refusals[0].startswith("No variable carries the environment's name.")


def test_services_in_a_local_module(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/main.tf").write_text(
        'variable "image" {}\nresource "aws_ecs_task_definition" "this" {\n'
        "  container_definitions = jsonencode([{ image = var.image }])\n}\n"
        'resource "aws_ecs_service" "this" {\n  task_definition = aws_ecs_task_definition.this.arn\n}\n'
    )
    (tmp_path / "main.tf").write_text(
        'variable "environment" {}\nvariable "front_version" {}\nlocals {\n  tag = "v${var.front_version}"\n}\n'
        'module "front" {\n  source = "./m"\n  image  = "repo/front:${local.tag}"\n}\n'
        'module "far" {\n  source = "terraform-aws-modules/ecs/aws//modules/service"\n}\n'
        'module "deep" {\n  source = "./d"\n}\n'
    )
    (tmp_path / "d").mkdir()
    (tmp_path / "d/main.tf").write_text('module "x" {\n  source = "./e"\n}\n')
    (tmp_path / "d/e").mkdir()
    (tmp_path / "d/e/main.tf").write_text('resource "aws_ecs_service" "y" {}\n')
    found = propose(read_root(tmp_path))
    assert [(each.name, each.address, each.variable, each.is_tag) for each in found.services] == [
        ("front", "module.front.aws_ecs_service.this", "front_version", True)
    ]
    assert any("module.far" in each for each in found.notes)
    assert any(each.startswith("d/e/main.tf:1: aws_ecs_service.y") for each in found.notes)


def test_a_root_that_another_tool_completes(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        'resource "aws_vpc" "x" {\n  cidr_block = var.cidr\n}\noutput "o" {\n  value = var.env\n}\n'
    )
    assert any("Used but declared in no file here: cidr, env." in each for each in propose(read_root(tmp_path)).notes)


def test_a_broken_root_still_gives_what_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('variable "env" {}\nterraform {\n  backend "s3" {}\n}\n')
    (tmp_path / "broken.tf").write_text("resource {{\n")
    found = propose(read_root(tmp_path))
    assert found.environment[0].name == "env"
    assert found.notes[0].startswith("broken.tf:1:")
    assert any("backend `s3` is replaced" in each for each in found.notes)
    assert yaml.safe_load(first_blueprint(found, "x"))["environment_variable"] == "env"


def test_the_example() -> None:
    folder = Path(__file__).parents[3] / "examples/ivr/infra/staging"
    root = read_root(folder)
    found = propose(root)
    assert found.environment[0].name == "environment"
    assert {each.name: each.variable for each in found.services} == {
        "web": "web_image",
        "api": "api_image",
        "worker": "worker_image",
    }
    assert [each.output for each in found.urls] == ["url", "api_url"]
    assert {each.kind for each in found.leases} == {"range", "subdomain"}
    text = first_blueprint(found, "ivr", region="ap-northeast-1")
    with pytest.raises(BlueprintError, match="image"):
        parse(text)
    check_against_root(parse(text.replace(f"image: {FILL_IN}", 'image: "x/y:{commit}"')), root)
