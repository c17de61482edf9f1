"""The release file: model, reading and checking."""
