"""``authorizer smoke``: what a deployed API really answers, compared with what it should."""
