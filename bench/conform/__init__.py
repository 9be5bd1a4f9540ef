"""Whether a driver, in this tree or not, does what its role asks of it, on a real or simulated instrument."""
