"""Squid and iptables of a release built static: for kernels that the C library of the release's own target refuses."""
