terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

# Region and credentials come from the environment (AWS_REGION, AWS_PROFILE, ...): the same code serves everybody's
# laptop, CI and Butai.
provider "aws" {
  default_tags {
    tags = local.tags
  }
}
