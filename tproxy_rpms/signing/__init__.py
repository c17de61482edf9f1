"""Signatures: keys, profiles, what signs, and what looks at the result."""
