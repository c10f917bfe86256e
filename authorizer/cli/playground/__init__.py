"""The playground: a page on loopback to sign in, look into a token, and try every route."""
