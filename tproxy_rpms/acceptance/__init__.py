"""A cut shown to proxy: its own packages on a small network, in namespaces of this host and in virtual machines."""
