"""What can go wrong around the local stack, in words for the person at the terminal."""

from __future__ import annotations


class LocalStackError(Exception):
    """The local stack cannot go on. The text says what happened and, where known, what helps."""
