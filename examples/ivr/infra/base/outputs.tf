output "name" {
  description = "The shared name: staging takes it as its variable `shared_name`."
  value       = var.name
}

output "vpc_id" {
  description = "VPC of all environments."
  value       = aws_vpc.this.id
}

output "load_balancer_dns_name" {
  description = "Point the wildcard record of the environments' domain here."
  value       = aws_lb.this.dns_name
}

output "listener_port" {
  description = "Port under which every environment answers."
  value       = aws_lb_listener.this.port
}

output "repository_urls" {
  description = "Where CI pushes the images, by service."
  value       = { for service, repository in aws_ecr_repository.service : service => repository.repository_url }
}
