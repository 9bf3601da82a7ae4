resource "aws_elasticache_cluster" "this" {
  cluster_id         = local.name
  engine             = "redis"
  engine_version     = "7.1" # as in production
  node_type          = var.redis_node_type
  num_cache_nodes    = 1
  subnet_group_name  = data.aws_elasticache_subnet_group.shared.name
  security_group_ids = [aws_security_group.redis.id]

  apply_immediately        = true # nobody waits for a maintenance window on staging
  snapshot_retention_limit = 0    # the data is test data
}
