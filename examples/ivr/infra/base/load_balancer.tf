# One load balancer for all environments: it takes minutes to make and is paid by the hour, while a listener rule takes
# seconds and costs nothing. Environments differ by host name.
resource "aws_lb" "this" {
  name               = var.name
  load_balancer_type = "application"
  internal           = true # reached through the VPN, never from the internet
  subnets            = aws_subnet.private[*].id
  security_groups    = [aws_security_group.load_balancer.id]

  # The call log is streamed to open pages; the default of 60 s would cut them.
  idle_timeout = 300

  tags = {
    Name = var.name
    # A listener cannot be looked up by tag, only by load balancer and port: staging reads the port here.
    ListenerPort = var.listener_port
  }
}

resource "aws_lb_listener" "this" {
  load_balancer_arn = aws_lb.this.arn
  port              = var.listener_port
  protocol          = "HTTP" # inside the VPN; production has its own load balancer, with TLS

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "There is no environment with this name."
      status_code  = "404"
    }
  }

  tags = { Name = var.name }
}

resource "aws_security_group" "load_balancer" {
  name        = "${var.name}-load-balancer"
  description = "Load balancer of all staging environments"
  vpc_id      = aws_vpc.this.id

  tags = {
    Name = "${var.name}-load-balancer"
    Role = "load-balancer"
  }
}

# Rules are resources of their own, here and in staging: inline rules and separate ones undo each other.
resource "aws_vpc_security_group_ingress_rule" "load_balancer_private" {
  for_each = toset(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])

  security_group_id = aws_security_group.load_balancer.id
  description       = "VPN and office"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = var.listener_port
  to_port           = var.listener_port
}

resource "aws_vpc_security_group_egress_rule" "load_balancer_tasks" {
  security_group_id = aws_security_group.load_balancer.id
  description       = "To the tasks of every environment"
  cidr_ipv4         = aws_vpc.this.cidr_block
  ip_protocol       = "-1"
}
