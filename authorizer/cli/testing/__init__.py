"""``authorizer test``: what a policy must allow and deny, written down and tried."""
