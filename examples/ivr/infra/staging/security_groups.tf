resource "aws_security_group" "services" {
  name        = "${local.name}-services"
  description = "Tasks of the environment ${var.environment}"
  vpc_id      = data.aws_vpc.shared.id

  tags = { Name = "${local.name}-services" }
}

resource "aws_vpc_security_group_ingress_rule" "services_load_balancer" {
  security_group_id            = aws_security_group.services.id
  description                  = "Requests and health checks"
  referenced_security_group_id = data.aws_security_group.load_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = local.container_port
  to_port                      = local.container_port
}

resource "aws_vpc_security_group_egress_rule" "services_all" {
  security_group_id = aws_security_group.services.id
  description       = "Redis, PostgreSQL, ECR, CloudWatch, SSM and the carrier"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

# Only this environment's tasks reach this environment's Redis: a wrong address in a configuration fails at once, instead
# of mixing the calls of two testers.
resource "aws_security_group" "redis" {
  name        = "${local.name}-redis"
  description = "Redis of the environment ${var.environment}"
  vpc_id      = data.aws_vpc.shared.id

  tags = { Name = "${local.name}-redis" }
}

resource "aws_vpc_security_group_ingress_rule" "redis_services" {
  security_group_id            = aws_security_group.redis.id
  description                  = "Services of the same environment"
  referenced_security_group_id = aws_security_group.services.id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}
