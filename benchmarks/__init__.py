"""How fast we are, each time as a ratio to the plain tool or the plain way: `./run python -m benchmarks`."""
