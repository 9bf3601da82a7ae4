resource "aws_cloudwatch_log_group" "old_name" {
  name = "/moved"
}
