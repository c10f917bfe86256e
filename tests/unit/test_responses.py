"""The shapes that API Gateway understands."""

from __future__ import annotations

from authorizer.gateway.responses import caller_context, iam_answer, simple_answer
from authorizer.policy.iam import request_document


def test_a_simple_answer_has_a_real_boolean() -> None:
    """HTTP API, payload 2.0: exactly these two names."""
    answer = simple_answer(allowed=True, context={"sub": "a"})
    assert answer == {"isAuthorized": True, "context": {"sub": "a"}}
    assert answer["isAuthorized"] is True


def test_an_iam_answer_has_a_principal_and_a_document() -> None:
    """Every other flavour: exactly these three names."""
    document = request_document("arn:", "GET/a", allowed=False)
    assert iam_answer(principal="a", document=document, context={}) == {
        "principalId": "a",
        "policyDocument": document,
        "context": {},
    }


def test_the_context_is_flat_text() -> None:
    """Absent values are left out, and lists are joined by blanks, empty ones too."""
    assert caller_context(
        texts={"sub": "a", "username": None, "jti": ""},
        lists={"groups": ("b", "c"), "scope": ()},
    ) == {"sub": "a", "jti": "", "groups": "b c", "scope": ""}
