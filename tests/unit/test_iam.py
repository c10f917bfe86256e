"""IAM documents for exactly one request."""

from __future__ import annotations

import pytest
from naive_gateway import globs

from authorizer.errors import Reason
from authorizer.gateway.iam import denying_glob, request_document, why_unnamed

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

    assert why_unnamed(PREFIX, client_part) is Reason.PATH_UNSAFE
    assert statement["Effect"] == "Deny"
    assert statement["Resource"] == PREFIX + resource


@pytest.mark.parametrize("client_part", ["", "GET/", "GET/a:b@c/%2A", "GET/{id}", "GET/é", "$"[:0]])
def test_what_stands_for_itself_is_literal(client_part: str) -> None:
    """Everything but the two wildcards and the variable's sign is literal in an ARN."""
    assert why_unnamed(PREFIX, client_part) is None


def test_the_stage_may_be_the_default_one() -> None:
    """The gateway's own ``$default`` is no wildcard of the client's."""
    (statement,) = request_document(PREFIX, "GET/a", allowed=True)["Statement"]
    assert "/$default/" in statement["Resource"]


@pytest.mark.parametrize(
    ("length", "effect", "why"),
    [(511, "Allow", None), (512, "Allow", None), (513, "Deny", Reason.RESOURCE_TOO_LONG)],
)
def test_a_document_names_no_more_than_it_may(length: int, effect: str, why: Reason | None) -> None:
    """A Resource has 512 characters at most: a longer request is denied by a name of no request."""
    client_part = "GET/" + "a" * (length - len(f"{PREFIX}GET/"))
    (statement,) = request_document(PREFIX, client_part, allowed=True)["Statement"]

    assert why_unnamed(PREFIX, client_part) is why
    assert statement["Effect"] == effect
    assert len(statement["Resource"]) == min(length, 512)
    assert (statement["Resource"] == PREFIX + client_part) is (why is None)


def test_a_name_grows_no_longer_by_its_escapes() -> None:
    """Whatever the client sends, the answer is one that API Gateway takes."""
    (statement,) = request_document(PREFIX, "GET/" + "*" * 400, allowed=False)["Statement"]
    assert len(statement["Resource"]) == 512


@pytest.mark.parametrize(
    ("client_part", "glob"),
    [
        pytest.param("GET/a;b", "GET/a;b", id="literal"),
        pytest.param("GET/a*", "GET/a?", id="star"),
        pytest.param("GET/${x}/?", "GET/?{x}/?", id="variable and question mark"),
        pytest.param("GET/../a\\b\n", "GET/../a\\b\n", id="dots, a backslash and a control"),
    ],
)
def test_what_is_denied_is_the_request_and_what_is_spelt_alike(client_part: str, glob: str) -> None:
    """A wildcard in a path stands for one character in a deny, and never for more."""
    assert denying_glob(PREFIX, client_part) == glob
    assert globs(PREFIX + glob, PREFIX + client_part)
    assert not globs(PREFIX + glob, PREFIX + client_part + "x")


@pytest.mark.parametrize("length", [512, 513, 1600])
def test_a_long_request_is_denied_with_what_begins_like_it(length: int) -> None:
    """A deny has 512 characters at most, too."""
    client_part = "GET/" + "a" * (length - len(f"{PREFIX}GET/"))
    glob = PREFIX + denying_glob(PREFIX, client_part)

    assert len(glob) == 512
    assert globs(glob, PREFIX + client_part)
    assert not globs(glob, f"{PREFIX}GET/{'a' * 100}")
