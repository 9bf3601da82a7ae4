# Names, not name prefixes: a prefix has six characters at most and ends in a number that nobody can read. A change that
# replaces a target group deletes it first, so the name is free again.
resource "aws_lb_target_group" "web" {
  name                 = "${local.name}-web"
  vpc_id               = data.aws_vpc.shared.id
  target_type          = "ip" # Fargate tasks have addresses, not instances
  port                 = local.container_port
  protocol             = "HTTP"
  deregistration_delay = 5 # nobody waits on staging for the end of a request of five minutes

  health_check {
    path                = "/healthz"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 3
    matcher             = "200"
  }
}

resource "aws_lb_target_group" "api" {
  name                 = "${local.name}-api"
  vpc_id               = data.aws_vpc.shared.id
  target_type          = "ip"
  port                 = local.container_port
  protocol             = "HTTP"
  deregistration_delay = 5

  health_check {
    path                = "/api/health"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 3
    matcher             = "200"
  }
}

# The pages call the api under their own host: no cross-origin requests, and a copied link works in every environment.
# This rule must come before the one for the rest of the host.
resource "aws_lb_listener_rule" "web_api" {
  listener_arn = data.aws_lb_listener.shared.arn
  priority     = var.listener_priority

  condition {
    host_header {
      values = [local.web_host]
    }
  }

  condition {
    path_pattern {
      values = ["/api/*"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api.arn
  }
}

resource "aws_lb_listener_rule" "web" {
  listener_arn = data.aws_lb_listener.shared.arn
  priority     = var.listener_priority + 1

  condition {
    host_header {
      values = [local.web_host]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
}

# The carrier's webhook and the QA scripts use the api's own host.
resource "aws_lb_listener_rule" "api" {
  listener_arn = data.aws_lb_listener.shared.arn
  priority     = var.listener_priority + 2

  condition {
    host_header {
      values = [local.api_host]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api.arn
  }
}
