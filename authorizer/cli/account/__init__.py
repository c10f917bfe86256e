"""Signing in as a person does, and what comes of it: login, logout, call, decode."""
