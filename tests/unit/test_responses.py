"""The shapes that API Gateway understands."""

from __future__ import annotations

from authorizer.gateway.responses import caller_context


def test_the_context_is_flat_text() -> None:
    """Absent values are left out, and lists are joined by blanks, empty ones too."""
    assert caller_context(
        texts={"sub": "a", "username": None, "jti": ""},
        lists={"groups": ("b", "c"), "scope": ()},
    ) == {"sub": "a", "jti": "", "groups": "b c", "scope": ""}
