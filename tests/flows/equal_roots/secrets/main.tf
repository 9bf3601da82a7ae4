# Values that no state and no plan may hold, read from one place and written to another.

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

resource "aws_kms_key" "this" {
  description             = "Of secrets"
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "this" {
  name          = "alias/secrets"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_secretsmanager_secret" "this" {
  for_each                = toset(["given", "taken"])
  name                    = "/secrets/${each.key}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "given" {
  secret_id     = aws_secretsmanager_secret.this["given"].id
  secret_string = jsonencode({ password = "hunter2-${var.stage}" })
}

ephemeral "aws_secretsmanager_secret_version" "given" {
  secret_id  = aws_secretsmanager_secret_version.given.secret_id
  version_id = aws_secretsmanager_secret_version.given.version_id
}

locals {
  password = jsondecode(ephemeral.aws_secretsmanager_secret_version.given.secret_string).password
}

resource "aws_secretsmanager_secret_version" "taken" {
  secret_id                = aws_secretsmanager_secret.this["taken"].id
  secret_string_wo         = "${local.password}!"
  secret_string_wo_version = length(var.stage)
}

resource "aws_ssm_parameter" "taken" {
  name             = "/secrets/taken"
  type             = "SecureString"
  key_id           = aws_kms_alias.this.name
  value_wo         = "${local.password}?"
  value_wo_version = length(var.stage)
}
