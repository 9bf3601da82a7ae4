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

variable "services" {
  type = map(number)
}

provider "aws" {
  region            = "ap-northeast-1"
  s3_use_path_style = true
  default_tags {
    tags = {
      team  = "web"
      stage = var.stage
    }
  }
}

provider "aws" {
  alias             = "virginia"
  region            = "us-east-1"
  s3_use_path_style = true
}

data "aws_region" "here" {}

data "aws_region" "there" {
  provider = aws.virginia
}

data "aws_caller_identity" "me" {}

data "aws_ssm_parameter" "known" {
  name = "/made/by/hand"
}

module "logs" {
  source    = "./modules/log"
  for_each  = var.services
  name      = "/${data.aws_region.here.name}/${each.key}"
  retention = each.value
}

module "logs_there" {
  source = "./modules/log"
  providers = {
    aws = aws.virginia
  }
  name      = "/${data.aws_region.there.name}/web"
  retention = 7
}

resource "aws_cloudwatch_log_group" "ignored" {
  name              = "/ignored"
  retention_in_days = var.services["web"]
  lifecycle {
    ignore_changes = [retention_in_days]
  }
}

resource "aws_ssm_parameter" "replaced" {
  name  = "/replaced/${var.stage}"
  type  = "String"
  value = data.aws_ssm_parameter.known.insecure_value
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_ssm_parameter" "password" {
  name  = "/password"
  type  = "SecureString"
  value = "hunter2-${var.stage}"
}

ephemeral "aws_ssm_parameter" "password" {
  arn = aws_ssm_parameter.password.arn
}

resource "aws_ssm_parameter" "written_only" {
  name             = "/written-only"
  type             = "SecureString"
  value_wo         = "${ephemeral.aws_ssm_parameter.password.value}!"
  value_wo_version = length(var.services)
}

resource "aws_s3_bucket" "files" {
  bucket = "files"
}

resource "aws_s3_object" "file" {
  bucket = aws_s3_bucket.files.id
  key    = "x.txt"
  source = "${path.module}/x.txt"
  etag   = filemd5("${path.module}/x.txt")
}

output "account" {
  value = provider::aws::arn_parse(aws_cloudwatch_log_group.ignored.arn).account_id
}

output "me" {
  value = data.aws_caller_identity.me.account_id
}

output "names" {
  value = [for name, each in module.logs : each.name]
}
