"""The shapes that API Gateway understands."""

from __future__ import annotations

from simulator import Clock, Cognito

from authorizer import JwksCache, TokenVerifier
from authorizer.authorizer import context_of

COGNITO = Cognito()


def test_the_context_is_flat_text() -> None:
    """Absent values are left out, and lists are joined by blanks, empty ones too."""
    keys = JwksCache(bundled={COGNITO.pool(): COGNITO.key_set()}, clock=Clock())
    verifier = TokenVerifier(COGNITO.pool(), keys=keys, clock=Clock())
    token = verifier.verify(
        COGNITO.token(sub="a", username=None, jti=None, cognito_groups=["b", "c"], scope=None)
    )
    assert context_of(token) == {
        "sub": "a",
        "client_id": COGNITO.client_id,
        "groups": "b c",
        "scope": "",
    }
