"""The demo: a local cloud, an example team and two environments, all on this machine."""
