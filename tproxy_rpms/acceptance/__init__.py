"""The last gate: the packages of a cut intercept real traffic, between namespaces and between virtual machines."""
