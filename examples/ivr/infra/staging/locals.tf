locals {
  name = "ivr-${var.environment}"

  web_host = "${var.environment}.${var.domain}"
  api_host = "${var.environment}-api.${var.domain}"

  listener_port = data.aws_lb_listener.shared.port
  port_suffix   = local.listener_port == 80 ? "" : ":${local.listener_port}"
  url           = "http://${local.web_host}${local.port_suffix}"
  api_url       = "http://${local.api_host}${local.port_suffix}"

  # Every service listens on this port of its own address.
  container_port = 8080
}
