"""What a person is told when signing in or calling does not work: a sentence, and what to do."""

from __future__ import annotations


class AccountError(Exception):
    """One helpful sentence. It never holds a password, a code, a secret or a token."""

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


def printable(text: str) -> str:
    """Text for a terminal: what a server put into it must not move the cursor or set a title."""
    return "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text)
