"""Finished builds, kept by what went into them, in a folder that several clones and machines may share."""
