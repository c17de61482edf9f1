"""Proof that what was cut proxies: the machines, the traffic between them, and what is to be seen of it."""
