"""Completion in shells: one list of what may come next, and a script a shell that asks for it."""
