"""What a person is told when signing in or calling does not work: a sentence, and what to do."""

from __future__ import annotations


class AccountError(Exception):
    """One helpful sentence. It never holds a password, a code, a secret or a token."""
