"""The inventory: what is written where in a repository of Terraform, what hangs on what, and what of it is running."""
