"""Butai: real, separate staging environments from the Terraform a team already has."""

__version__ = "0.1.0"
