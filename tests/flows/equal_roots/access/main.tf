# Roles and policies: documents that the provider writes, and ids that it makes of the time.

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

data "aws_caller_identity" "me" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each           = toset(["web", "api"])
  name               = "${each.key}-task"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  description        = "For ${var.stage}"
  lifecycle {
    ignore_changes = [description]
  }
}

resource "aws_iam_policy" "read" {
  name = "read"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = var.stage == "first" ? ["ssm:GetParameter"] : ["ssm:GetParameter", "ssm:GetParameters"]
      Resource = "arn:aws:ssm:*:${data.aws_caller_identity.me.account_id}:parameter/*"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "read" {
  for_each   = var.stage == "first" ? aws_iam_role.this : { web = aws_iam_role.this["web"] }
  role       = each.value.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_role_policy" "own" {
  count = var.stage == "first" ? 1 : 2
  name  = "own-${count.index}"
  role  = aws_iam_role.this["api"].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Deny"
      Action   = "s3:*"
      Resource = provider::aws::arn_build("aws", "s3", "", "", "files-${count.index}")
    }]
  })
}
