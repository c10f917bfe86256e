"""``authorizer diff``: what a change to the policy lets whom do, and no longer do."""
