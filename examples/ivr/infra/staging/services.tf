# A service of its own name in the shared cluster, a task definition family of its own: revisions of two environments in
# one family would mix without an error.

locals {
  # Terraform says what shall run. Whether it runs well is seen by the circuit breaker and by whoever opens the URL:
  # waiting here would hold the state's lock for ten minutes whenever a branch does not start.
  wait_for_steady_state = false

  # In Fargate's words: 256 = a quarter of a vCPU.
  task_cpu        = 256
  task_memory_mib = 512

  container_defaults = {
    essential   = true
    stopTimeout = 10
  }

  logs = { for service, group in aws_cloudwatch_log_group.service : service => {
    logDriver = "awslogs"
    options = {
      awslogs-group         = group.name
      awslogs-region        = data.aws_region.current.name
      awslogs-stream-prefix = service
    }
  } }

  # The tag of an image is the commit it was built from: the services show it.
  versions = { for service, image in { web = var.web_image, api = var.api_image, worker = var.worker_image } :
    service => element(split(":", image), -1)
  }

  redis_environment = [
    { name = "REDIS_HOST", value = aws_elasticache_cluster.this.cache_nodes[0].address },
    { name = "REDIS_PORT", value = tostring(aws_elasticache_cluster.this.cache_nodes[0].port) },
  ]
}

resource "aws_cloudwatch_log_group" "service" {
  for_each = toset(["web", "api", "worker"])

  name              = "/ivr/${var.environment}/${each.key}"
  retention_in_days = var.log_retention_days
}

# track_latest everywhere: a deploy registers a new revision outside Terraform, and the next plan must not replace it.
resource "aws_ecs_task_definition" "web" {
  family                   = "${local.name}-web"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = local.task_cpu
  memory                   = local.task_memory_mib
  execution_role_arn       = data.aws_iam_role.execution.arn
  task_role_arn            = data.aws_iam_role.task.arn
  track_latest             = true

  container_definitions = jsonencode([merge(local.container_defaults, {
    name             = "web"
    image            = var.web_image
    portMappings     = [{ containerPort = local.container_port, hostPort = local.container_port, protocol = "tcp" }]
    logConfiguration = local.logs["web"]
    environment = [
      { name = "IVR_ENVIRONMENT", value = var.environment },
      { name = "IVR_VERSION", value = local.versions["web"] },
      { name = "TEST_NUMBER", value = coalesce(var.test_number, "none") },
    ]
  })])
}

resource "aws_ecs_service" "web" {
  name                              = "${local.name}-web"
  cluster                           = data.aws_ecs_cluster.shared.arn
  task_definition                   = aws_ecs_task_definition.web.arn
  launch_type                       = "FARGATE"
  desired_count                     = var.web_count
  health_check_grace_period_seconds = 30
  wait_for_steady_state             = local.wait_for_steady_state
  propagate_tags                    = "SERVICE"

  network_configuration {
    subnets         = data.aws_subnets.private.ids
    security_groups = [aws_security_group.services.id]
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.web.arn
    container_name   = "web"
    container_port   = local.container_port
  }

  # No roll-back: a tester must see that the branch does not start, not get the one before it without a word.
  deployment_circuit_breaker {
    enable   = true
    rollback = false
  }

  # ECS refuses a target group that no listener uses yet.
  depends_on = [aws_lb_listener_rule.web]
}

resource "aws_ecs_task_definition" "api" {
  family                   = "${local.name}-api"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = local.task_cpu
  memory                   = local.task_memory_mib
  execution_role_arn       = data.aws_iam_role.execution.arn
  task_role_arn            = data.aws_iam_role.task.arn
  track_latest             = true

  container_definitions = jsonencode([merge(local.container_defaults, {
    name             = "api"
    image            = var.api_image
    portMappings     = [{ containerPort = local.container_port, hostPort = local.container_port, protocol = "tcp" }]
    logConfiguration = local.logs["api"]
    environment = concat(local.redis_environment, local.database_environment, [
      { name = "IVR_ENVIRONMENT", value = var.environment },
      { name = "IVR_VERSION", value = local.versions["api"] },
    ])
    secrets = concat(local.database_secrets, [
      { name = "CALLBACK_TOKEN", valueFrom = aws_ssm_parameter.callback_token.arn },
      { name = "OPENING_HOURS", valueFrom = aws_ssm_parameter.opening_hours.arn },
    ])
  })])
}

resource "aws_ecs_service" "api" {
  name                              = "${local.name}-api"
  cluster                           = data.aws_ecs_cluster.shared.arn
  task_definition                   = aws_ecs_task_definition.api.arn
  launch_type                       = "FARGATE"
  desired_count                     = var.api_count
  health_check_grace_period_seconds = 30
  wait_for_steady_state             = local.wait_for_steady_state
  propagate_tags                    = "SERVICE"

  network_configuration {
    subnets         = data.aws_subnets.private.ids
    security_groups = [aws_security_group.services.id]
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.api.arn
    container_name   = "api"
    container_port   = local.container_port
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = false
  }

  depends_on = [aws_lb_listener_rule.web_api, aws_lb_listener_rule.api]
}

resource "aws_ecs_task_definition" "worker" {
  family                   = "${local.name}-worker"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = local.task_cpu
  memory                   = local.task_memory_mib
  execution_role_arn       = data.aws_iam_role.execution.arn
  task_role_arn            = data.aws_iam_role.task.arn
  track_latest             = true

  container_definitions = jsonencode([merge(local.container_defaults, {
    name             = "worker"
    image            = var.worker_image
    logConfiguration = local.logs["worker"]
    environment = concat(local.redis_environment, [
      { name = "IVR_ENVIRONMENT", value = var.environment },
      { name = "IVR_VERSION", value = local.versions["worker"] },
    ])
  })])
}

# The worker has no load balancer and no port. One task is enough: it counts a call in milliseconds.
resource "aws_ecs_service" "worker" {
  name                  = "${local.name}-worker"
  cluster               = data.aws_ecs_cluster.shared.arn
  task_definition       = aws_ecs_task_definition.worker.arn
  launch_type           = "FARGATE"
  desired_count         = 1
  wait_for_steady_state = local.wait_for_steady_state
  propagate_tags        = "SERVICE"

  network_configuration {
    subnets         = data.aws_subnets.private.ids
    security_groups = [aws_security_group.services.id]
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = false
  }
}
