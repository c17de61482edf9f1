"""Kernel configuration: what is demanded, what the tree's own conf makes of it, and whether the two agree."""
