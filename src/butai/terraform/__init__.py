"""Terraform and OpenTofu: finding an engine, running it, following it, and reading HCL and state."""
