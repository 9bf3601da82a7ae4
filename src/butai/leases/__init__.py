"""What must be unique is lent from pools: CIDR blocks, listener priorities, subdomains, things outside AWS."""
