# Each environment has a Redis of its own; where Redis may stand is the same for all.
resource "aws_elasticache_subnet_group" "this" {
  name        = var.name
  description = "Private subnets for the Redis of every environment"
  subnet_ids  = aws_subnet.private[*].id
}
