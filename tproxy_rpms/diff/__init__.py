"""Two sets of packages compared: cuts, snapshots, published repositories."""
