"""Environments: living instances of a blueprint, each with its own state, leases, URL and owner."""
