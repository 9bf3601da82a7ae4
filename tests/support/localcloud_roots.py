"""Root modules for the tests of the local cloud: every resource type and data source of the example, in small."""

from __future__ import annotations

BASE = """
variable "words" { default = "first" }

locals { tags = { Team = "ivr", Words = var.words } }

resource "aws_vpc" "main" {
  cidr_block           = "10.20.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(local.tags, { Name = "ivr-types" })
}

resource "aws_subnet" "public" {
  for_each                = { a = 0, c = 1 }
  vpc_id                  = aws_vpc.main.id
  availability_zone       = "ap-northeast-1${each.key}"
  cidr_block              = cidrsubnet(aws_vpc.main.cidr_block, 8, each.value)
  map_public_ip_on_launch = true
  tags                    = merge(local.tags, { Name = "ivr-${each.key}", Tier = "public" })
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
  tags   = local.tags
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  tags   = local.tags
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route_table" "inline" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
  tags = local.tags
}

resource "aws_route_table_association" "public" {
  for_each       = aws_subnet.public
  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_security_group" "alb" {
  name        = "ivr-alb"
  description = "Load balancer"
  vpc_id      = aws_vpc.main.id
  tags        = merge(local.tags, { Name = "ivr-alb" })
}

resource "aws_vpc_security_group_ingress_rule" "http" {
  security_group_id = aws_security_group.alb.id
  description       = "HTTP for ${var.words}"
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 80
  to_port           = 80
  ip_protocol       = "tcp"
  tags              = local.tags
}

resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.alb.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_lb" "main" {
  name                       = "ivr-types"
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.alb.id]
  subnets                    = [for subnet in aws_subnet.public : subnet.id]
  idle_timeout               = var.words == "first" ? 60 : 120
  drop_invalid_header_fields = true
  enable_deletion_protection = false
  tags                       = merge(local.tags, { Name = "ivr-types" })
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.main.arn
  port              = 18080
  protocol          = "HTTP"
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "No such environment: ${var.words}"
      status_code  = "404"
    }
  }
  tags = local.tags
}

resource "aws_ecs_cluster" "main" {
  name = "ivr-types"
  setting {
    name  = "containerInsights"
    value = var.words == "first" ? "disabled" : "enabled"
  }
  tags = merge(local.tags, { Name = "ivr-types" })
}

resource "aws_ecs_cluster_capacity_providers" "main" {
  cluster_name       = aws_ecs_cluster.main.name
  capacity_providers = ["FARGATE"]
  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "execution" {
  name               = "ivr-execution"
  description        = "Starts tasks, ${var.words}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "secrets" {
  name = "read-secrets"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = title(var.words)
      Effect   = "Allow"
      Action   = ["ssm:GetParameters"]
      Resource = "arn:aws:ssm:*:*:parameter/ivr/*"
    }]
  })
}

resource "aws_iam_policy" "logs" {
  name        = "ivr-logs"
  description = "Write logs"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["logs:PutLogEvents"], Resource = "*" }]
  })
  tags = local.tags
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.execution.name
  policy_arn = aws_iam_policy.logs.arn
}

resource "aws_elasticache_subnet_group" "main" {
  name        = "ivr-types"
  description = "Redis, ${var.words}"
  subnet_ids  = [for subnet in aws_subnet.public : subnet.id]
  tags        = local.tags
}

resource "aws_ecr_repository" "web" {
  name                 = "types/web"
  image_tag_mutability = var.words == "first" ? "MUTABLE" : "IMMUTABLE"
  force_delete         = true
  image_scanning_configuration { scan_on_push = true }
  tags = local.tags
}

resource "aws_ecr_lifecycle_policy" "web" {
  repository = aws_ecr_repository.web.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Keep the newest, ${var.words}"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 500 }
      action       = { type = "expire" }
    }]
  })
}
"""

ENVIRONMENT = """
variable "name"  { default = "qa-1" }
variable "image" { default = "main" }
variable "count_of_tasks" { default = 1 }

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

data "aws_vpc" "main" { tags = { Team = "ivr", Name = "ivr-types" } }

data "aws_subnets" "public" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.main.id]
  }
  tags = { Tier = "public" }
}

data "aws_lb" "main" { tags = { Team = "ivr", Name = "ivr-types" } }

data "aws_lb_listener" "http" {
  load_balancer_arn = data.aws_lb.main.arn
  port              = 18080
}

data "aws_ecs_cluster" "main" { cluster_name = "ivr-types" }

data "aws_security_group" "alb" {
  vpc_id = data.aws_vpc.main.id
  tags   = { Name = "ivr-alb" }
}

data "aws_iam_role" "execution" { name = "ivr-execution" }

data "aws_elasticache_subnet_group" "main" { name = "ivr-types" }

data "aws_ecr_repository" "web" { name = "types/web" }

resource "aws_security_group" "web" {
  name_prefix = "ivr-${var.name}-"
  vpc_id      = data.aws_vpc.main.id
  lifecycle { create_before_destroy = true }
}

resource "aws_vpc_security_group_ingress_rule" "web" {
  security_group_id            = aws_security_group.web.id
  description                  = "From the load balancer"
  referenced_security_group_id = data.aws_security_group.alb.id
  from_port                    = 8080
  to_port                      = 8080
  ip_protocol                  = "tcp"
}

resource "aws_security_group_rule" "classic" {
  type              = "ingress"
  security_group_id = aws_security_group.web.id
  from_port         = 9090
  to_port           = 9090
  protocol          = "tcp"
  cidr_blocks       = [data.aws_vpc.main.cidr_block]
}

resource "aws_cloudwatch_log_group" "web" {
  name              = "/ivr/${var.name}/web"
  retention_in_days = var.image == "main" ? 7 : 14
  tags              = { Environment = var.name }
}

resource "aws_ssm_parameter" "secret" {
  name  = "/ivr/${var.name}/secret"
  type  = "SecureString"
  value = "s3cret-${var.image}"
}

resource "aws_lb_target_group" "web" {
  name                 = "ivr-${var.name}-web"
  port                 = 8080
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = data.aws_vpc.main.id
  deregistration_delay = var.image == "main" ? 5 : 10
  health_check {
    path                = "/healthz"
    matcher             = "200"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = var.image == "main" ? 2 : 3
  }
  tags = { Environment = var.name }
}

resource "aws_lb_listener_rule" "web" {
  listener_arn = data.aws_lb_listener.http.arn
  priority     = var.image == "main" ? 100 : 101
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
  condition {
    host_header { values = ["${var.name}.ivr.localhost", "${var.image}.ivr.localhost"] }
  }
  condition {
    path_pattern { values = ["/*"] }
  }
  tags = { Environment = var.name }
}

resource "aws_ecs_task_definition" "web" {
  family                   = "ivr-${var.name}-web"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = data.aws_iam_role.execution.arn
  task_role_arn            = data.aws_iam_role.execution.arn
  track_latest             = true
  runtime_platform {
    cpu_architecture        = "ARM64"
    operating_system_family = "LINUX"
  }
  container_definitions = jsonencode([{
    name         = "web"
    image        = "${data.aws_ecr_repository.web.repository_url}:${var.image}"
    essential    = true
    stopTimeout  = 5
    portMappings = [{ containerPort = 8080, protocol = "tcp" }]
    environment = [
      { name = "ENVIRONMENT", value = var.name },
    ]
    secrets = [{ name = "SECRET", valueFrom = aws_ssm_parameter.secret.arn }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.web.name
        awslogs-region        = data.aws_region.current.name
        awslogs-stream-prefix = "web"
      }
    }
  }])
  tags = { Environment = var.name }
}

resource "aws_ecs_service" "web" {
  name                              = "ivr-${var.name}-web"
  cluster                           = data.aws_ecs_cluster.main.arn
  task_definition                   = aws_ecs_task_definition.web.arn
  desired_count                     = var.count_of_tasks
  launch_type                       = "FARGATE"
  health_check_grace_period_seconds = 30
  enable_execute_command            = true
  propagate_tags                    = "SERVICE"
  wait_for_steady_state             = true
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets         = data.aws_subnets.public.ids
    security_groups = [aws_security_group.web.id]
  }
  load_balancer {
    target_group_arn = aws_lb_target_group.web.arn
    container_name   = "web"
    container_port   = 8080
  }
  depends_on = [aws_lb_listener_rule.web]
  tags       = { Environment = var.name }
}

# As little as a module may say: everything else is AWS's default.
resource "aws_ecs_task_definition" "worker" {
  family       = "ivr-${var.name}-worker"
  track_latest = true
  container_definitions = jsonencode([{
    name   = "worker"
    image  = "${data.aws_ecr_repository.web.repository_url}:${var.image}"
    memory = 128
  }])
}

resource "aws_ecs_service" "worker" {
  name            = "ivr-${var.name}-worker"
  cluster         = data.aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.worker.arn
  desired_count   = 0
}

output "account" { value = data.aws_caller_identity.current.account_id }
output "subnets" { value = length(data.aws_subnets.public.ids) }
output "task_definition" { value = aws_ecs_service.web.task_definition }
"""

ALONE = """
variable "words" { default = "first" }

resource "aws_vpc" "alone" { cidr_block = "10.30.0.0/16" }

resource "aws_subnet" "alone" {
  vpc_id            = aws_vpc.alone.id
  availability_zone = "ap-northeast-1a"
  cidr_block        = "10.30.1.0/24"
}

resource "aws_elasticache_subnet_group" "alone" {
  name       = "ivr-alone"
  subnet_ids = [aws_subnet.alone.id]
}

resource "aws_security_group" "redis" {
  name        = "ivr-alone-redis"
  description = "Redis"
  vpc_id      = aws_vpc.alone.id
  ingress {
    from_port       = 6379
    to_port         = 6379
    protocol        = "tcp"
    self            = true
  }
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_elasticache_cluster" "redis" {
  cluster_id               = "ivr-alone"
  engine                   = "redis"
  engine_version           = "7.1"
  node_type                = var.words == "first" ? "cache.t4g.micro" : "cache.t4g.small"
  num_cache_nodes          = 1
  port                     = 6379
  parameter_group_name     = "default.redis7"
  subnet_group_name        = aws_elasticache_subnet_group.alone.name
  security_group_ids       = [aws_security_group.redis.id]
  maintenance_window       = var.words == "first" ? "sun:05:00-sun:06:00" : "mon:05:00-mon:06:00"
  snapshot_retention_limit = var.words == "first" ? 0 : 1
  apply_immediately        = true
  tags                     = { Words = var.words }
}

# As little as a module may say.
resource "aws_elasticache_cluster" "plain" {
  cluster_id      = "ivr-plain"
  engine          = "redis"
  node_type       = "cache.t4g.micro"
  num_cache_nodes = 1
}

resource "aws_ssm_parameter" "greeting" {
  name        = "/ivr/alone/greeting"
  type        = "String"
  value       = "Hello from ${var.words}"
  description = "What callers hear"
  tags        = { Words = var.words }
}

resource "aws_ssm_parameter" "list" {
  name  = "/ivr/alone/list"
  type  = "StringList"
  value = "a,b,${var.words}"
}

output "redis" { value = aws_elasticache_cluster.redis.cache_nodes[0] }
output "plain" { value = aws_elasticache_cluster.plain.cache_nodes[0] }
"""

DATABASE = """
variable "words" { default = "first" }

resource "aws_vpc" "data" { cidr_block = "10.40.0.0/16" }

resource "aws_subnet" "data" {
  count             = 2
  vpc_id            = aws_vpc.data.id
  availability_zone = ["ap-northeast-1a", "ap-northeast-1c"][count.index]
  cidr_block        = cidrsubnet(aws_vpc.data.cidr_block, 8, count.index)
}

resource "aws_security_group" "data" {
  name        = "ivr-data"
  description = "PostgreSQL"
  vpc_id      = aws_vpc.data.id
}

resource "aws_db_subnet_group" "data" {
  name        = "ivr-data"
  description = "Where databases stand, ${var.words}"
  subnet_ids  = aws_subnet.data[*].id
  tags        = { Words = var.words }
}

# Its password is RDS's own: nobody has to think of one, and none stands in a state.
resource "aws_db_instance" "managed" {
  identifier                  = "ivr-data"
  engine                      = "postgres"
  engine_version              = "16.4"
  instance_class              = var.words == "first" ? "db.t4g.micro" : "db.t4g.small"
  allocated_storage           = 20
  storage_type                = "gp3"
  storage_encrypted           = true
  username                    = "ivr_admin"
  manage_master_user_password = true
  db_subnet_group_name        = aws_db_subnet_group.data.name
  vpc_security_group_ids      = [aws_security_group.data.id]
  backup_retention_period     = 0
  skip_final_snapshot         = true
  apply_immediately           = true
  tags                        = { Words = var.words }
}

# As little as a module may say.
resource "aws_db_instance" "plain" {
  identifier          = "ivr-plain"
  engine              = "postgres"
  instance_class      = "db.t4g.micro"
  allocated_storage   = 20
  db_name             = "calls"
  username            = "mika"
  password            = "a password of ${var.words}"
  skip_final_snapshot = true
}

data "aws_db_instance" "managed" {
  db_instance_identifier = aws_db_instance.managed.identifier
}

output "managed" { value = data.aws_db_instance.managed.endpoint }
output "secret"  { value = data.aws_db_instance.managed.master_user_secret[0].secret_arn }
output "plain"   { value = aws_db_instance.plain.endpoint }
"""
