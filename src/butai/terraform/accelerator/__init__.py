"""The provider host: one provider process for many runs, behind a proxy that answers what is always the same.

Most of an engine's run is the provider checking its own configuration and describing itself. Here a provider is started
once per binary, credentials and configuration; each run gets a socket of its own (`front`), each connection to it is
bound to one provider process (`proxy`, `pool`), and the process `host` keeps them while runs or a worker need them.
"""
