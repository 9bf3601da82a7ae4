# Seed of the callback tokens: each environment derives its own from it. Terraform makes the place; the value is set by
# hand, once, so that it stands in no variable file:
#
#   aws ssm put-parameter --overwrite --type SecureString --name /ivr/<name>/callback-seed --value "$(openssl rand -hex 32)"
resource "aws_ssm_parameter" "callback_seed" {
  name        = "/ivr/${var.name}/callback-seed"
  description = "Seed of the callback tokens of the staging environments"
  type        = "SecureString"
  value       = "not-set-yet"

  lifecycle {
    ignore_changes = [value]
  }
}
