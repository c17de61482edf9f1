"""The userland of guests: a static busybox, its spec and its configuration."""
