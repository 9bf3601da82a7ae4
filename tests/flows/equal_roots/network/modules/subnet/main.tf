terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "vpc_id" {
  type = string
}

variable "cidr_block" {
  type = string
}

variable "zone" {
  type = string
}

variable "table_id" {
  type = string
}

data "aws_region" "here" {}

resource "aws_subnet" "this" {
  vpc_id            = var.vpc_id
  cidr_block        = var.cidr_block
  availability_zone = "${data.aws_region.here.name}${var.zone}"
}

resource "aws_route_table_association" "this" {
  subnet_id      = aws_subnet.this.id
  route_table_id = var.table_id
}
