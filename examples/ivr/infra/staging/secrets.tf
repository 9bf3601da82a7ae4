# The carrier proves with this token that a call is its own. Derived, so that every environment has another one and
# nobody has to think of it; the seed is in SSM, and whoever has one token cannot compute the next.
resource "aws_ssm_parameter" "callback_token" {
  name        = "/ivr/${var.environment}/callback-token"
  description = "Token of the carrier's webhook"
  type        = "SecureString"
  value       = sha256("${data.aws_ssm_parameter.callback_seed.value}/${var.environment}")
}

# Tasks read it when they start: changing it restarts nothing by itself.
resource "aws_ssm_parameter" "opening_hours" {
  name        = "/ivr/${var.environment}/opening-hours"
  description = "Opening hours that callers hear"
  type        = "String"
  value       = var.opening_hours
}
