# What `base` made, found by its tags: no state of another root is read, and no id stands in a variable file.

data "aws_region" "current" {}

data "aws_vpc" "shared" {
  tags = { Layer = var.shared_name }
}

data "aws_subnets" "private" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.shared.id]
  }

  tags = { Tier = "private" }
}

data "aws_lb" "shared" {
  tags = { Layer = var.shared_name }
}

data "aws_lb_listener" "shared" {
  load_balancer_arn = data.aws_lb.shared.arn
  port              = data.aws_lb.shared.tags["ListenerPort"]
}

data "aws_security_group" "load_balancer" {
  vpc_id = data.aws_vpc.shared.id

  tags = {
    Layer = var.shared_name
    Role  = "load-balancer"
  }
}

data "aws_ecs_cluster" "shared" {
  cluster_name = var.shared_name
}

data "aws_iam_role" "execution" {
  name = "${var.shared_name}-execution"
}

data "aws_iam_role" "task" {
  name = "${var.shared_name}-task"
}

data "aws_elasticache_subnet_group" "shared" {
  name = var.shared_name
}

data "aws_db_instance" "shared" {
  db_instance_identifier = var.shared_name
}

data "aws_security_group" "database" {
  vpc_id = data.aws_vpc.shared.id

  tags = {
    Layer = var.shared_name
    Role  = "database"
  }
}

data "aws_ssm_parameter" "callback_seed" {
  name = "/ivr/${var.shared_name}/callback-seed"
}
