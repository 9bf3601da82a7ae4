variable "name" {
  description = "Name of what all environments share. The staging root looks for tags with this name."
  type        = string
  default     = "ivr-shared"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "Use 2 to 20 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "cidr_block" {
  description = "Address range of the VPC, a /16. The subnets are cut out of it as /20."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr_block, 0)) && endswith(var.cidr_block, "/16")
    error_message = "Give an IPv4 range with the prefix length /16, such as 10.20.0.0/16."
  }
}

variable "zone_count" {
  description = "Number of availability zones. An ALB wants at least two."
  type        = number
  default     = 2

  validation {
    condition     = var.zone_count >= 2 && var.zone_count <= 4
    error_message = "Use 2 to 4 availability zones."
  }
}

variable "listener_port" {
  description = "Port on which the load balancer listens for every environment."
  type        = number
  default     = 80

  validation {
    condition     = var.listener_port >= 1 && var.listener_port <= 65535
    error_message = "A port is a number from 1 to 65535."
  }
}
