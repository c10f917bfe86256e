"""``authorizer matrix``: who may do what, on one sheet."""
