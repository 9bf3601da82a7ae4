"""Speed and memory, measured: the peer and Butai on the same work in one run. Results are committed."""
