"""What the made-up repository's files say; `@{name}` and its like are filled in."""

from __future__ import annotations

VERSIONS = """terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40, < 7.0"
    }
  }
}
"""

# Eight resources.
MODULE = """# The network and the store of one part. @{note}

locals {
  name = "${var.name}-@{name}"
  zones = {
    for index, zone in var.zones : zone => cidrsubnet(var.cidr_block, 4, index)
  }
  tags = merge(var.tags, { Module = "@{name}" })
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr_block
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = merge(local.tags, { Name = local.name })
}

resource "aws_subnet" "private" {
  for_each = local.zones

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = merge(local.tags, { Name = "${local.name}-private-${each.key}" })

  lifecycle {
    ignore_changes = [tags["kubernetes.io/role/internal-elb"]]
  }
}

resource "aws_route_table" "private" {
  for_each = aws_subnet.private

  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Name = "${local.name}-${each.key}" })
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[each.key].id
}

resource "aws_security_group" "this" {
  name_prefix = "${local.name}-"
  description = "What may reach @{name}"
  vpc_id      = aws_vpc.this.id

  dynamic "ingress" {
    for_each = var.ingress
    content {
      description = ingress.key
      from_port   = ingress.value.port
      to_port     = ingress.value.port
      protocol    = "tcp"
      cidr_blocks = ingress.value.cidr_blocks
    }
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }

  tags = local.tags
}

resource "aws_kms_key" "this" {
  description             = "Data of ${local.name}"
  deletion_window_in_days = @{days}
  enable_key_rotation     = true
  tags                    = local.tags
}

resource "aws_s3_bucket" "this" {
  count = var.with_bucket ? 1 : 0

  bucket        = "${local.name}-store"
  force_destroy = var.environment != "production"
  tags          = local.tags
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  count = var.with_bucket ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  rule {
    apply_server_side_encryption_by_default {
      kms_master_key_id = aws_kms_key.this.arn
      sse_algorithm     = "aws:kms"
    }
  }
}
"""

MODULE_VARIABLES = """variable "name" {
  description = "Begins the names of all that is made here."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "The name \\"${var.name}\\" must be lower-case letters, digits and hyphens."
  }
}

variable "environment" {
  description = "dev, staging, production or drill."
  type        = string
}

variable "cidr_block" {
  type    = string
  default = "10.@{count}.0.0/16"
}

variable "zones" {
  type    = list(string)
  default = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
}

# By what it is for.
variable "ingress" {
  type = map(object({
    port        = number
    cidr_blocks = optional(list(string), ["10.0.0.0/8"])
  }))
  default = {
    service = { port = @{port} }
  }
}

variable "with_bucket" {
  type    = bool
  default = true
}

variable "tags" {
  type    = map(string)
  default = {}
}
"""

MODULE_OUTPUTS = """output "vpc_id" {
  description = "The network of @{name}."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  value = [for each in aws_subnet.private : each.id]
}

output "security_group_id" {
  value = aws_security_group.this.id
}

output "bucket" {
  description = "Its name, or nothing."
  value       = try(aws_s3_bucket.this[0].bucket, null)
}

output "key_arn" {
  value     = aws_kms_key.this.arn
  sensitive = true
}
"""

BACKEND = """terraform {
  required_version = "~> 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.80"
    }
    random = {
      source = "hashicorp/random"
    }
  }

  backend "s3" {
    bucket       = "@{team}-terraform-state"
    key          = "@{team}/@{environment}/terraform.tfstate"
    region       = "eu-central-1"
    encrypt      = true
    use_lockfile = true
  }
}
"""

PROVIDERS = """provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}

# Certificates of the distribution live there.
provider "aws" {
  alias  = "virginia"
  region = "us-east-1"

  assume_role {
    role_arn     = "arn:aws:iam::${var.account}:role/deploy"
    session_name = "terraform-@{environment}"
  }
}

data "aws_caller_identity" "current" {}

data "aws_ami" "base" {
  most_recent = true
  owners      = ["amazon"]

  filter {
    name   = "name"
    values = ["al2023-ami-*-x86_64"]
  }
}
"""

VARIABLES = """variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "account" {
  description = "Number of the account."
  type        = string
}

variable "environment" {
  type    = string
  default = "@{environment}"
}

variable "image_tags" {
  description = "Image of each service."
  type        = map(string)
  default     = {}
}

variable "alarm_topic" {
  type        = string
  description = <<-EOT
    Topic that alarms go to.

    Whoever is on call reads it: keep what only informs out of it.
  EOT
}

variable "listener_arn" {
  type = string
}

variable "vpc_id" {
  type = string
}

variable "cluster" {
  type    = string
  default = "main"
}
"""

LOCALS = """# @{note}
locals {
  prefix  = "@{team}-${var.environment}"
  is_live = contains(["production", "drill"], var.environment)
  # Whoever pays asks by these.
  tags = {
    Team        = "@{team}"
    Environment = var.environment
    ManagedBy   = "terraform"
  }
  sizes = {
    small = { cpu = 256, memory = 512 }
    large = { cpu = 1024, memory = @{size} }
  }
  zones = formatlist("${var.region}%s", ["a", "b", "c"])
}
"""

CALLS = """# @{note}
module "@{name}" {
  source   = "@{source}"
  for_each = toset(local.is_live ? ["blue", "green"] : ["blue"])

  name        = "${local.prefix}-${each.key}"
  environment = var.environment
  cidr_block  = cidrsubnet("10.@{count}.0.0/12", 4, each.key == "blue" ? 0 : 1)
  zones       = local.zones
  ingress = {
    @{service} = { port = aws_lb_target_group.@{service}.port }
  }
  tags = merge(local.tags, { Colour = each.key })

  providers = {
    aws = aws
  }
}
"""

OUTPUTS = """output "@{name}" {
  description = "Where @{name} is."
  value = {
    url     = "https://${aws_lb_listener_rule.@{name}.id}.example.com/@{name}"
    queue   = aws_sqs_queue.@{name}.url
    network = { for colour, each in module.@{module} : colour => each.vpc_id }
  }
}
"""

# Eleven resources.
SERVICE = """# The service @{name}. @{note}

resource "aws_cloudwatch_log_group" "@{name}" {
  name              = "/${local.prefix}/@{name}"
  retention_in_days = @{days}
}

resource "aws_iam_role" "@{name}" {
  name = "${local.prefix}-@{name}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
      }
    }]
  })
}

resource "aws_iam_role_policy" "@{name}" {
  name = "own-queue"
  role = aws_iam_role.@{name}.id

  policy = <<-EOT
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Effect": "Allow",
          "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:SendMessage"],
          "Resource": ["${aws_sqs_queue.@{name}.arn}", "${aws_sqs_queue.@{name}_dead.arn}"]
        }
      ]
    }
  EOT
}

resource "aws_ecs_task_definition" "@{name}" {
  family                   = "${local.prefix}-@{name}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = local.is_live ? local.sizes["large"].cpu : local.sizes["small"].cpu
  memory                   = @{size}
  execution_role_arn       = "arn:aws:iam::${var.account}:role/execution"
  task_role_arn            = aws_iam_role.@{name}.arn

  container_definitions = jsonencode([
    {
      name      = "@{name}"
      image     = "${var.account}.dkr.ecr.${var.region}.amazonaws.com/@{name}:${lookup(var.image_tags, "@{name}", "main")}"
      essential = true
      portMappings = [
        { containerPort = @{port}, protocol = "tcp" },
      ]
      environment = [
        for name, value in {
          ENVIRONMENT = var.environment
          QUEUE_URL   = aws_sqs_queue.@{name}.url
          LOG_LEVEL   = local.is_live ? "info" : "debug"
        } : { name = name, value = tostring(value) }
      ]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.@{name}.name
          awslogs-region        = var.region
          awslogs-stream-prefix = "@{name}"
        }
      }
    },
  ])
}

resource "aws_ecs_service" "@{name}" {
  name            = "@{name}"
  cluster         = var.cluster
  task_definition = aws_ecs_task_definition.@{name}.arn
  desired_count   = local.is_live ? @{count} : 1 # Scaled by alarms in between.
  launch_type     = "FARGATE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.@{name}.arn
    container_name   = "@{name}"
    container_port   = @{port}
  }

  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [aws_iam_role_policy.@{name}, aws_lb_listener_rule.@{name}]
}

resource "aws_lb_target_group" "@{name}" {
  name_prefix = "at-"
  port        = @{port}
  protocol    = "HTTP"
  target_type = "ip"
  vpc_id      = var.vpc_id

  health_check {
    path                = "/health"
    healthy_threshold   = 2
    unhealthy_threshold = @{count}
    matcher             = "200-299"
  }
}

resource "aws_lb_listener_rule" "@{name}" {
  listener_arn = var.listener_arn
  priority     = @{priority}

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.@{name}.arn
  }

  condition {
    path_pattern {
      values = ["/@{name}", "/@{name}/*"]
    }
  }
}

resource "aws_sqs_queue" "@{name}_dead" {
  name                      = "${local.prefix}-@{name}-dead"
  message_retention_seconds = @{days} * 3600
}

resource "aws_sqs_queue" "@{name}" {
  name                       = "${local.prefix}-@{name}"
  visibility_timeout_seconds = @{percent}

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.@{name}_dead.arn
    maxReceiveCount     = @{count}
  })

  tags = {
    Service     = "@{name}"
    "team:note" = "@{note}"
  }
}

resource "aws_cloudwatch_metric_alarm" "@{name}" {
  for_each = {
    cpu    = { metric = "CPUUtilization", threshold = @{percent} }
    memory = { metric = "MemoryUtilization", threshold = 90 }
  }

  alarm_name          = "${local.prefix}-@{name}-${each.key}"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  evaluation_periods  = 3
  period              = 60
  namespace           = "AWS/ECS"
  metric_name         = each.value.metric
  threshold           = each.value.threshold
  statistic           = "Average"
  alarm_actions       = [var.alarm_topic]

  dimensions = {
    ClusterName = var.cluster
    ServiceName = aws_ecs_service.@{name}.name
  }
}

resource "aws_appautoscaling_target" "@{name}" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster}/${aws_ecs_service.@{name}.name}"
  min_capacity       = 1
  max_capacity       = max(@{count}, local.is_live ? 4 : 2)
}
"""

WORDS = """
account address answer basket billing booking catalog chat claim coupon credit customer
delivery document event export feed gateway import index invoice journal ledger letter
login mail market media message metric notice offer order partner payment photo
policy price profile queue rating receipt refund report return review route search
session shipment stock store tariff tax ticket token tracking transfer trip upload
user voucher wallet warehouse
"""
