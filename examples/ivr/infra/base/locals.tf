locals {
  # The staging root finds VPC, subnets, load balancer and security group by the tag Layer = the shared name. Tags rather
  # than remote state: staging can be planned by someone who may not read the state of this root.
  tags = {
    Product   = "ivr"
    Layer     = var.name
    ManagedBy = "terraform"
  }

  zones = slice(data.aws_availability_zones.available.names, 0, var.zone_count)
}

data "aws_availability_zones" "available" {
  state = "available"
}

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}
