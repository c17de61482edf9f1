"""Reproducibility: two builds of one package compared, every difference with its cause."""
