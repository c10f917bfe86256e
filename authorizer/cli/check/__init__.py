"""``authorizer check``: what is wrong with a policy and a template, before they are deployed."""
