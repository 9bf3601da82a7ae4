terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

# Region and credentials come from the environment, as in base.
provider "aws" {
  default_tags {
    tags = {
      Product     = "ivr"
      Environment = var.environment
      ManagedBy   = "terraform"
    }
  }
}
