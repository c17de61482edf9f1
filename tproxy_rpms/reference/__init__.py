"""The reference out of the code: every key that a file may have, every error. docs/_ext/ puts it into the site."""
