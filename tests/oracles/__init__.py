"""What the package did in another way before: slower, and independent of what it does now."""
