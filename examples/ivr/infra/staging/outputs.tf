output "url" {
  description = "The environment's pages."
  value       = local.url
}

output "api_url" {
  description = "The api under its own host, for the carrier's webhook and for scripts."
  value       = local.api_url
}

output "service_names" {
  description = "ECS services in the shared cluster, by service."
  value = {
    web    = aws_ecs_service.web.name
    api    = aws_ecs_service.api.name
    worker = aws_ecs_service.worker.name
  }
}

output "log_groups" {
  description = "CloudWatch log groups, by service."
  value       = { for service, group in aws_cloudwatch_log_group.service : service => group.name }
}

output "redis_endpoint" {
  description = "Address and port of the environment's Redis."
  value       = "${aws_elasticache_cluster.this.cache_nodes[0].address}:${aws_elasticache_cluster.this.cache_nodes[0].port}"
}

output "database" {
  description = "The environment's database in the shared PostgreSQL."
  value       = "${data.aws_db_instance.shared.endpoint}/${local.database}"
}

output "test_number" {
  description = "Telephone number that reaches this environment, if it has one."
  value       = var.test_number
}

output "callback_token" {
  description = "Token of the carrier's webhook."
  value       = aws_ssm_parameter.callback_token.value
  sensitive   = true
}
