"""Expressions of Terraform's language, evaluated without the world: what would need it is UNKNOWN, never guessed."""
