"""Why the policy answers as it does, and what would have to differ."""
