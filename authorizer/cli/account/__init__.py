"""Signing in, calling the API as who is signed in, and looking at tokens."""
