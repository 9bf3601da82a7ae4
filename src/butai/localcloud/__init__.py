"""AWS on one machine: moto's API, made real by processes, a router and Redis servers. For demo, tests and trials."""
