# Nearly everything here has an id that AWS makes up, and refers to another one.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "stage" {
  type = string
}

provider "aws" {
  region = "ap-northeast-1"
}

provider "aws" {
  alias  = "virginia"
  region = "us-east-1"
}

locals {
  zones = var.stage == "first" ? ["a", "c"] : ["a", "c", "d"]
  ports = var.stage == "first" ? [80] : [80, 443]
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
  tags = {
    Name  = "equal"
    Stage = var.stage
  }
}

resource "aws_vpc" "there" {
  provider   = aws.virginia
  cidr_block = cidrsubnet("10.0.0.0/8", 8, 1)
}

module "subnets" {
  source     = "./modules/subnet"
  for_each   = toset(local.zones)
  vpc_id     = aws_vpc.this.id
  cidr_block = cidrsubnet(aws_vpc.this.cidr_block, 8, index(local.zones, each.key))
  zone       = each.key
  table_id   = aws_route_table.this.id
}

resource "terraform_data" "stage" {
  input = var.stage
}

resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id
  lifecycle {
    replace_triggered_by = [terraform_data.stage]
  }
}

resource "aws_security_group" "balancer" {
  name        = "balancer"
  description = "In front"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "web" {
  name_prefix = "web-"
  description = "Behind, ${var.stage}"
  vpc_id      = aws_vpc.this.id
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "web" {
  for_each                     = { for port in local.ports : tostring(port) => port }
  security_group_id            = aws_security_group.web.id
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

data "aws_subnets" "this" {
  filter {
    name   = "vpc-id"
    values = [aws_vpc.this.id]
  }
  depends_on = [module.subnets]
}

output "subnets" {
  value = length(data.aws_subnets.this.ids)
}
