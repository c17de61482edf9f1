"""How many builders for how many kernels: measured build times, laid out on builders as Koji would."""
