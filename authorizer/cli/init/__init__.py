"""``authorizer init``: a policy for the API of a project that has none yet."""
