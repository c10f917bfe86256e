"""The ARN of a request, taken apart."""

from __future__ import annotations

import pytest

from authorizer import MalformedRequestError
from authorizer.gateway.events import parse_arn

HEAD = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123"


@pytest.mark.parametrize(
    ("text", "stage_arn", "resource", "method", "path"),
    [
        pytest.param(f"{HEAD}/prod/GET/a/1", f"{HEAD}/prod/", "GET/a/1", "GET", "/a/1", id="path"),
        pytest.param(f"{HEAD}/prod/GET/", f"{HEAD}/prod/", "GET/", "GET", "/", id="root"),
        pytest.param(f"{HEAD}/prod/GET", f"{HEAD}/prod/", "GET", "GET", None, id="no path"),
        pytest.param(
            f"{HEAD}/$default/GET/a", f"{HEAD}/$default/", "GET/a", "GET", "/a", id="stage"
        ),
        pytest.param(
            f"{HEAD}/p/GET/a:b:c", f"{HEAD}/p/", "GET/a:b:c", "GET", "/a:b:c", id="colons"
        ),
        pytest.param(f"{HEAD}/p/GET//a/", f"{HEAD}/p/", "GET//a/", "GET", "//a/", id="slashes"),
        pytest.param(
            f"{HEAD}/p/GET/a@b~%2F*?", f"{HEAD}/p/", "GET/a@b~%2F*?", "GET", "/a@b~%2F*?", id="odd"
        ),
        pytest.param(
            f"{HEAD}/p/$connect", f"{HEAD}/p/", "$connect", "$connect", None, id="WebSocket"
        ),
        pytest.param(
            "arn:aws-cn:execute-api:cn-north-1:1:a/p/GET/x",
            "arn:aws-cn:execute-api:cn-north-1:1:a/p/",
            "GET/x",
            "GET",
            "/x",
            id="partition",
        ),
    ],
)
def test_an_arn_is_taken_apart(
    text: str, stage_arn: str, resource: str, method: str, path: str | None
) -> None:
    """Nothing of it is lost, decoded or normalised, whatever the client put into the path."""
    assert parse_arn(text) == (stage_arn, resource, method, path)
    assert stage_arn + resource == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", HEAD, f"{HEAD}/prod", f"{HEAD}/prod/", f"{HEAD}//GET", f"{HEAD}/prod//a"),
        *(
            "arn::execute-api:r:1:a/p/GET",
            "arn:aws:s3:r:1:a/p/GET",
            "x:aws:execute-api:r:1:a/p/GET",
        ),
        *("arn:aws:execute-api:r:1:/p/GET", "arn:aws:execute-api:r:1"),
        *(None, 7, ["arn"], {"arn": 1}, b"arn:aws:execute-api:r:1:a/p/GET"),
    ],
)
def test_what_is_no_arn_of_ours_is_malformed(text: object) -> None:
    """The message says what was expected, and shows what was found."""
    with pytest.raises(
        MalformedRequestError, match="expected an execute-api ARN of API, stage and"
    ):
        parse_arn(text)


def test_a_long_arn_is_clipped_in_the_message() -> None:
    """A message stays short, whatever the event holds."""
    with pytest.raises(MalformedRequestError) as caught:
        parse_arn("x" * 10_000)
    assert len(str(caught.value)) < 250
