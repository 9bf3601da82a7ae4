# This environment's part of the shared PostgreSQL. Terraform cannot reach the instance: database and user are made,
# migrated, seeded and dropped by the tasks in butai.yaml.

locals {
  # A hyphen would have to be quoted in every psql.
  database = "ivr_${replace(var.environment, "-", "_")}"

  database_environment = [
    { name = "DATABASE_HOST", value = data.aws_db_instance.shared.address },
    { name = "DATABASE_PORT", value = tostring(data.aws_db_instance.shared.port) },
    { name = "DATABASE_NAME", value = local.database },
    { name = "DATABASE_USER", value = local.database },
  ]

  database_secrets = [
    { name = "DATABASE_PASSWORD", valueFrom = aws_ssm_parameter.database_password.arn },
  ]
}

# Derived like the callback token: another one for each environment, and nobody has to think of it.
resource "aws_ssm_parameter" "database_password" {
  name        = "/ivr/${var.environment}/database-password"
  description = "Password of this environment's user of the shared PostgreSQL"
  type        = "SecureString"
  value       = sha256("${data.aws_ssm_parameter.callback_seed.value}/${var.environment}/database")
}

resource "aws_vpc_security_group_ingress_rule" "database_services" {
  security_group_id            = data.aws_security_group.database.id
  description                  = "Services of ${var.environment}"
  referenced_security_group_id = aws_security_group.services.id
  ip_protocol                  = "tcp"
  from_port                    = data.aws_db_instance.shared.port
  to_port                      = data.aws_db_instance.shared.port
}

# For the two tasks that make and drop the database. Apart from the api's own definition, so that no service ever holds the
# password that opens the databases of all environments.
resource "aws_ecs_task_definition" "database" {
  family                   = "${local.name}-database"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = local.task_cpu
  memory                   = local.task_memory_mib
  execution_role_arn       = data.aws_iam_role.execution.arn
  task_role_arn            = data.aws_iam_role.task.arn

  container_definitions = jsonencode([merge(local.container_defaults, {
    name             = "database"
    image            = var.api_image
    command          = ["python", "manage.py"]
    logConfiguration = local.logs["api"]
    environment      = local.database_environment
    secrets = concat(local.database_secrets, [
      { name = "DATABASE_ADMIN_USER", valueFrom = "${local.database_admin}:username::" },
      { name = "DATABASE_ADMIN_PASSWORD", valueFrom = "${local.database_admin}:password::" },
    ])
  })])
}

locals {
  database_admin = data.aws_db_instance.shared.master_user_secret[0].secret_arn
}
