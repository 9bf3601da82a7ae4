# One PostgreSQL for all environments: an instance of its own for each would cost more than everything else in it, and take
# ten minutes to make. Each environment has its own database and its own user in it; tasks make and drop them, since nothing
# outside the VPC reaches the instance (see staging/butai.yaml).
resource "aws_db_instance" "this" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = "16.4" # as in production
  instance_class = "db.t4g.micro"

  allocated_storage = 20
  storage_type      = "gp3"
  storage_encrypted = true

  username                    = "ivr_admin"
  manage_master_user_password = true # in Secrets Manager: it stands in no variable file and in no state

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]

  apply_immediately       = true # nobody waits for a maintenance window on staging
  backup_retention_period = 0    # the data is test data, and the tasks make it anew
  skip_final_snapshot     = true
}

resource "aws_db_subnet_group" "this" {
  name        = var.name
  description = "Private subnets for the database of every environment"
  subnet_ids  = aws_subnet.private[*].id
}

# Each environment adds a rule for its own tasks.
resource "aws_security_group" "database" {
  name        = "${var.name}-database"
  description = "PostgreSQL of the staging environments"
  vpc_id      = aws_vpc.this.id

  tags = {
    Name = "${var.name}-database"
    Role = "database"
  }
}
