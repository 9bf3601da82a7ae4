variable "environment" {
  description = "Name of the environment. It is part of every name, so that any number of environments fit into one account."
  type        = string

  # The longest name is that of a target group, ivr-<environment>-web, of which AWS takes 32 characters. Names are never
  # cut off to fit: two environments could become one.
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.environment)) && !strcontains(var.environment, "--")
    error_message = "Use 2 to 20 lower-case letters, digits and single hyphens; begin with a letter, do not end with a hyphen."
  }

  # qa-1-api.<domain> is the api of qa-1: an environment called qa-1-api would answer under the same host.
  validation {
    condition     = !endswith(var.environment, "-api")
    error_message = "A name that ends in -api is the host name of another environment's api."
  }
}

variable "shared_name" {
  description = "Name of the shared part, as in the root `base`."
  type        = string
  default     = "ivr-shared"
}

variable "domain" {
  description = "Domain of all environments. Hosts are one level below it, so that one wildcard record and one certificate are enough."
  type        = string
  default     = "ivr.localhost"
}

variable "listener_priority" {
  description = "First of three listener priorities that belong to this environment (this one and the next two)."
  type        = number

  validation {
    condition     = var.listener_priority >= 1 && var.listener_priority <= 49998
    error_message = "A listener has priorities from 1 to 50000; three are needed."
  }
}

variable "web_image" {
  description = "Image of the pages, tagged with the commit."
  type        = string
}

variable "api_image" {
  description = "Image of the api, tagged with the commit."
  type        = string
}

variable "worker_image" {
  description = "Image of the worker, tagged with the commit."
  type        = string
}

variable "web_count" {
  description = "Number of tasks that serve the pages."
  type        = number
  default     = 1

  validation {
    condition     = var.web_count >= 0 && var.web_count <= 4
    error_message = "Use 0 to 4 tasks; load tests have an account of their own."
  }
}

variable "api_count" {
  description = "Number of tasks that serve the api."
  type        = number
  default     = 1

  validation {
    condition     = var.api_count >= 0 && var.api_count <= 4
    error_message = "Use 0 to 4 tasks; load tests have an account of their own."
  }
}

variable "test_number" {
  description = "Telephone number that the carrier routes to this environment. There are few, and no API makes more."
  type        = string
  default     = null
}

variable "opening_hours" {
  description = "Opening hours that callers hear."
  type        = string
  default     = "9:00 to 18:00"
}

variable "redis_node_type" {
  description = "Node type of the environment's Redis. The smallest holds about a million calls."
  type        = string
  default     = "cache.t4g.micro"

  validation {
    condition     = startswith(var.redis_node_type, "cache.t4g.")
    error_message = "Staging takes a node of the family cache.t4g."
  }
}

variable "log_retention_days" {
  description = "Days for which CloudWatch keeps the logs. One of the values that CloudWatch knows."
  type        = number
  default     = 7

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30], var.log_retention_days)
    error_message = "Use 1, 3, 5, 7, 14 or 30 days."
  }
}
