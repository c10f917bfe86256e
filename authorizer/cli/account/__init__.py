"""Signing in, calling the API as who is signed in, and looking at tokens."""

from __future__ import annotations

from authorizer.cli.text import printable
from authorizer.errors import AuthorizerError


class AccountError(AuthorizerError):
    """One helpful sentence. It never holds a password, a code, a secret or a token."""

    def __init__(self, sentence: str) -> None:
        # What a server put into it must not move the cursor or set a title.
        super().__init__(printable(sentence))
