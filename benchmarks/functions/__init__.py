"""Functions to compare with. Each is put into a package of its own, and runs without the others."""
