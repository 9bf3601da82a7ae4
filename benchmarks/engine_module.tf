# One environment of `bench-engine`: eleven resources, as a small team's staging has them.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "name" {
  type = string
}

variable "image" {
  type = string
}

resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "this" {
  count      = 2
  vpc_id     = aws_vpc.this.id
  cidr_block = "10.0.${count.index}.0/24"
}

resource "aws_security_group" "this" {
  name   = "bench-${var.name}"
  vpc_id = aws_vpc.this.id
}

resource "aws_lb_target_group" "this" {
  name        = "bench-${var.name}"
  port        = 80
  protocol    = "HTTP"
  target_type = "ip"
  vpc_id      = aws_vpc.this.id
}

resource "aws_cloudwatch_log_group" "this" {
  name = "/bench/${var.name}"
}

resource "aws_ecs_cluster" "this" {
  name = "bench-${var.name}"
}

resource "aws_ecs_task_definition" "this" {
  family                   = "bench-${var.name}"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = 256
  memory                   = 512
  container_definitions    = jsonencode([{ name = "web", image = var.image, essential = true }])
}

resource "aws_ecs_service" "this" {
  name            = "web"
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = 0
  launch_type     = "FARGATE"
  network_configuration {
    subnets = aws_subnet.this[*].id
  }
}

resource "aws_elasticache_subnet_group" "this" {
  name       = "bench-${var.name}"
  subnet_ids = aws_subnet.this[*].id
}

resource "aws_elasticache_cluster" "this" {
  cluster_id        = "bench-${var.name}"
  engine            = "redis"
  engine_version    = "7.0"
  node_type         = "cache.t4g.micro"
  num_cache_nodes   = 1
  subnet_group_name = aws_elasticache_subnet_group.this.name
}
