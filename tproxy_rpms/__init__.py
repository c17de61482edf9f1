"""Cut releases of a kernel, iptables and Squid that together make a transparent proxy host."""
