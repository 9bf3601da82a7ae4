# Blocks that come and go, and documents within documents.

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
  default_tags {
    tags = {
      Stage = var.stage
    }
  }
}

resource "aws_dynamodb_table" "calls" {
  name         = "calls"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
  dynamic "attribute" {
    for_each = var.stage == "first" ? [] : ["caller"]
    content {
      name = attribute.value
      type = "S"
    }
  }
  dynamic "global_secondary_index" {
    for_each = var.stage == "first" ? [] : ["caller"]
    content {
      name            = "by-caller"
      hash_key        = global_secondary_index.value
      projection_type = "ALL"
    }
  }
}

resource "aws_ecr_repository" "this" {
  count                = 2
  name                 = "team/${count.index}"
  image_tag_mutability = var.stage == "first" ? "MUTABLE" : "IMMUTABLE"
}

resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this[0].name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      action       = { type = "expire" }
      selection = {
        tagStatus   = "any"
        countType   = "imageCountMoreThan"
        countNumber = var.stage == "first" ? 10 : 20
      }
    }]
  })
}
