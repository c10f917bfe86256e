"""IAM documents for exactly one request."""

from __future__ import annotations

import pytest

from authorizer.policy.iam import is_literal, request_document

PREFIX = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/$default/"


@pytest.mark.parametrize(("allowed", "effect"), [(True, "Allow"), (False, "Deny")])
def test_a_document_names_the_request(allowed: bool, effect: str) -> None:  # noqa: FBT001
    """One statement, one action, one resource: the request's own ARN."""
    assert request_document(PREFIX, "GET/a/1", allowed=allowed) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Action": "execute-api:Invoke", "Effect": effect, "Resource": f"{PREFIX}GET/a/1"}
        ],
    }


@pytest.mark.parametrize(
    ("client_part", "resource"),
    [
        ("GET/*", "GET/%2A"),
        ("*/a", "%2A/a"),
        ("GET/a?", "GET/a%3F"),
        ("GET/${aws:username}", "GET/%24{aws:username}"),
        ("GET/a*?$", "GET/a%2A%3F%24"),
    ],
)
def test_a_wildcard_is_never_allowed(client_part: str, resource: str) -> None:
    """What the client chose never enters a document as a wildcard or variable, nor as an Allow."""
    (statement,) = request_document(PREFIX, client_part, allowed=True)["Statement"]

    assert not is_literal(client_part)
    assert statement["Effect"] == "Deny"
    assert statement["Resource"] == PREFIX + resource


@pytest.mark.parametrize("client_part", ["", "GET/", "GET/a:b@c/%2A", "GET/{id}", "GET/é", "$"[:0]])
def test_what_stands_for_itself_is_literal(client_part: str) -> None:
    """Everything but the two wildcards and the variable's sign is literal in an ARN."""
    assert is_literal(client_part)


def test_the_stage_may_be_the_default_one() -> None:
    """The gateway's own ``$default`` is no wildcard of the client's."""
    (statement,) = request_document(PREFIX, "GET/a", allowed=True)["Statement"]
    assert "/$default/" in statement["Resource"]
