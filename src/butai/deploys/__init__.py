"""Deploys: another version of a service in seconds, past the engine and without a fight with it."""
