"""Runs: every change of an environment is one durable piece of work whose end is known by name."""
