data "aws_iam_policy_document" "ecs_tasks" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

# What ECS itself needs to start a task. Roles are shared because an IAM role takes its time to become usable, and
# because making environments should not need the right to make roles.
resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  description        = "ECS starts tasks of the staging environments with it"
  assume_role_policy = data.aws_iam_policy_document.ecs_tasks.json
}

# Instead of AmazonECSTaskExecutionRolePolicy, which allows every repository and every log group of the account.
data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [for repository in aws_ecr_repository.service : repository.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:aws:logs:${local.region_and_account}:log-group:/ivr/*:*"]
  }

  statement {
    sid       = "Secrets"
    actions   = ["ssm:GetParameters"]
    resources = ["arn:aws:ssm:${local.region_and_account}:parameter/ivr/*"]
  }

  statement {
    sid       = "DatabaseAdmin"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_db_instance.this.master_user_secret[0].secret_arn]
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "start-tasks"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

# What the services themselves may do: nothing on AWS so far. They have a role so that the day they need a right, no
# task runs with that of the machine.
resource "aws_iam_role" "task" {
  name               = "${var.name}-task"
  description        = "The services of the staging environments run with it"
  assume_role_policy = data.aws_iam_policy_document.ecs_tasks.json
}

locals {
  region_and_account = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
}
