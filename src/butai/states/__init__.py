"""Terraform states: every version kept, compressed and encrypted; locks; the `http` backend's endpoint."""
