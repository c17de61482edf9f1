"""What proxy hosts get: the yum repository."""
