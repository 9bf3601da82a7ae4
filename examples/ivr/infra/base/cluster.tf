# A cluster costs nothing and separates nothing but names: one for all environments.
resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "disabled" # billed per metric; an environment that lives for a day does not need it
  }
}

resource "aws_ecr_repository" "service" {
  for_each = toset(["web", "api", "worker"])

  name                 = "ivr-${each.key}"
  image_tag_mutability = "IMMUTABLE" # the tag is the commit: what was tested is what gets deployed
  force_delete         = false

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "service" {
  for_each = aws_ecr_repository.service

  repository = each.value.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Keep the last 500 images, about half a year of commits"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 500 }
      action       = { type = "expire" }
    }]
  })
}
