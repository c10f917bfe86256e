"""What a status means for the caller: the sentences that ``authorizer call`` adds to an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from naive_policy import read_document
from simulator import NOW, Cognito

from authorizer.cli.account.advice import advise
from authorizer.cli.analysis.request import Caller, Request
from authorizer.cli.analysis.simulator import Simulator
from authorizer.cli.policy_file import dump_policy, load_document
from authorizer.policy.decision import Policy

SAMPLE_POLICY = Path(__file__).parents[2] / "policy.yaml"
SUB = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


def asked(method: str, path: str, *groups: str, **changes: Any) -> dict[str, Any]:
    policy = changes.pop("policy", load_document(SAMPLE_POLICY)[1])
    settings: dict[str, Any] = {
        "request": Request(method=method, path=path),
        "caller": Caller(groups=groups, claims=Cognito().claims(cognito_groups=list(groups))),
        "now_seconds": NOW,
        "simulator": None if policy is None else Simulator(policy=policy, file="policy.yaml"),
    }
    return settings | changes


# The sample policy's deny on everything makes every route a known one.
WITHOUT_CATCH_ALL = Policy.parse(
    dump_policy(read_document(b"version: 1\ngroups: {reader: {allow: [GET /hello]}}")[0])
)
EXPLAINED = {
    "allowed": (
        asked("GET", "/articles/1", "reader"),
        (
            "policy.yaml line 9 allows this to your groups (reader), so the deployed policy may be "
            "older, or the token was refused: run 'authorizer decode'"
        ),
    ),
    "not granted": (
        asked("POST", "/articles", "reader"),
        (
            "no group of yours (reader) may POST /articles; policy.yaml allows it to: editor, "
            "admin. Ask to be put into one of them"
        ),
    ),
    "no groups": (
        asked("GET", "/hello"),
        (
            "no group of yours (none) may GET /hello; policy.yaml allows it to: reader, editor, "
            "admin. Ask to be put into one of them"
        ),
    ),
    "another's record": (
        asked("GET", "/users/bob", "editor"),
        (
            "policy.yaml line 10 allows your groups (editor) GET,PATCH /users/{user=sub}, and the "
            "path does not have your sub: run 'authorizer decode' to see it, and ask for your own"
        ),
    ),
    "a record without the group": (
        asked("GET", f"/users/{SUB}", "guest"),
        (
            f"no group of yours (guest) may GET /users/{SUB}; policy.yaml allows it to: reader, "
            "editor, admin. Ask to be put into one of them"
        ),
    ),
    "denied": (
        asked("GET", "/hello", "reader", "suspended"),
        (
            "policy.yaml line 22 denies this to your groups (reader, suspended): ask whoever keeps "
            "the groups to take you out of suspended"
        ),
    ),
    "machines only": (
        asked("GET", "/reports/1", "admin"),
        (
            "no group of yours (admin) may GET /reports/1; policy.yaml allows it to machines only, "
            "with the scope reports/read"
        ),
    ),
    "nobody": (
        asked("DELETE", "/hello", "admin"),
        (
            "no group of yours (admin) may DELETE /hello; policy.yaml allows it to nobody: "
            "check the path, or add a rule and deploy"
        ),
    ),
    "unknown route": (
        asked("GET", "/nowhere", "admin", policy=WITHOUT_CATCH_ALL),
        "policy.yaml has no rule for GET /nowhere: check the path, or add a rule and deploy",
    ),
    "unsafe path": (
        asked("GET", "/%61dmin", "admin"),
        (
            "policy.yaml does not say from the path alone whether you may GET /%61dmin "
            "(path_unsafe): send it without encoded characters and empty segments, or run "
            "'authorizer decode'"
        ),
    ),
    "public": (
        asked("GET", "/health", "reader"),
        (
            "policy.yaml has this route as public, so that no authorizer is asked: the refusal is "
            "the backend's own, or the deployed API differs; look into its logs"
        ),
    ),
    "expired": (
        asked("GET", "/hello", "reader", now_seconds=NOW + 3540),
        "the token has expired: run 'authorizer login'",
    ),
    "no policy": (
        asked("GET", "/hello", "reader", policy=None),
        (
            "the policy grants this to no group of yours (reader), or the token was refused; no "
            "policy is at hand (--policy) "
            "to tell which: run 'authorizer decode', and look into the policy"
        ),
    ),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_403_is_explained_by_the_policy(name: str) -> None:
    """One sentence: which line or which group decides, and what to do."""
    question, sentence = EXPLAINED[name]
    assert advise(403, **question) == sentence


@pytest.mark.parametrize(
    ("status", "part"),
    [
        (401, "run 'authorizer decode' to see which step"),
        (404, "either the API has no such route"),
        (500, "look into the functions' logs"),
        (503, "look into the functions' logs"),
    ],
)
def test_other_statuses_are_explained(status: int, part: str) -> None:
    """Each says what to do next."""
    assert part in (advise(status, **asked("GET", "/hello", "reader")) or "")


def test_a_401_for_an_expired_token_and_a_404_off_the_policy() -> None:
    """Where the cause is in sight, it is named."""
    expired = asked("GET", "/hello", "reader", now_seconds=NOW + 3540)
    assert advise(401, **expired) == "the token has expired: run 'authorizer login'"
    assert "allows it to nobody" in (advise(404, **asked("GET", "/nowhere", "reader")) or "")


@pytest.mark.parametrize("path", ["/health", f"/users/{SUB}", "/users/bob", "/reports/1"])
def test_a_404_on_a_route_of_the_policy_may_be_the_backends(path: str) -> None:
    """Where somebody may, there should be a route: public, one's own, or a machine's."""
    assert "no such thing" in (advise(404, **asked("GET", path, "reader")) or "")


def test_a_400_explains_itself() -> None:
    """What the backend says about its own rules needs no word of ours."""
    assert advise(400, **asked("GET", "/hello", "reader")) is None
