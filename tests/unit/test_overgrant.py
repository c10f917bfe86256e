"""What stars grant too much on a realistic API, and that ours do not: docs/cached-answers.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from api_gateway import ARN
from naive_gateway import iam_allows, parameters_of
from realistic_policy import SUB, callers, policy, routes

from authorizer.gateway.iam import caller_document
from authorizer.policy.caller_document import CallerDocuments, Grants

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = f"{ARN}/live/"
PAGE = Path(__file__).parents[2] / "docs" / "cached-answers.md"
# One's own record, and somebody else's; an id that is nobody's; a key that has an unlucky name.
VALUES = (SUB, "42", "keys")


def naive_document(caller: dict[str, Any]) -> Any:
    """What the samples do: each rule's path, with a star for each parameter."""
    document: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
    subjects = policy().subjects_of(caller["groups"], caller["scopes"])
    for rule in policy().rules:
        if rule.subject not in subjects:
            continue
        path = re.sub(r"\{\w+=sub\}", SUB, rule.pattern.text.partition(" ")[2])
        path = re.sub(r"\{\w+\}", "*", path).replace("/**", "/*")
        document["Statement"].append(
            {
                "Action": "execute-api:Invoke",
                "Effect": rule.effect.capitalize(),
                "Resource": [
                    f"{PREFIX}{'*' if method == 'ANY' else method}{path}"
                    for method in sorted(rule.pattern.methods)
                ],
            }
        )
    return document


def requests_of(key: str) -> Iterator[tuple[str, str]]:
    method, _, template = key.partition(" ")
    for value in VALUES:
        yield method, re.sub(r"\{\w+\}", value, template)


def too_much(document: Any, caller: dict[str, Any]) -> list[str]:
    """The routes that a document grants to a caller whom the policy denies them."""
    return [
        key
        for key in routes()
        if any(
            iam_allows(document, f"{PREFIX}{method}{path}")
            and not _decides(key, method, path, caller)
            for method, path in requests_of(key)
        )
    ]


def _decides(key: str, method: str, path: str, caller: dict[str, Any]) -> bool:
    route = key.partition(" ")[2]
    return (
        policy()
        .decide(
            method=method,
            route=route,
            path=path,
            path_parameters=parameters_of(key, path),
            **caller,
        )
        .allowed
    )


def exact_document(caller: dict[str, Any]) -> Any:
    grants = CallerDocuments(policy()).of(**caller)
    assert isinstance(grants, Grants), grants
    return caller_document(PREFIX, grants.allow, grants.deny)


@pytest.mark.parametrize("name", callers())
def test_ours_says_what_the_policy_says(name: str) -> None:
    """For every route, with one's own id and with others', the document is the decision."""
    caller = callers()[name]
    document = exact_document(caller)

    for key in routes():
        for method, path in requests_of(key):
            allowed = iam_allows(document, f"{PREFIX}{method}{path}")
            assert allowed is _decides(key, method, path, caller), (method, path)


def test_the_page_tells_what_a_naive_document_grants_too_much() -> None:
    """The table in the documentation is what is found here, and no group of ours is in it."""
    found = {name: too_much(naive_document(caller), caller) for name, caller in callers().items()}
    table = [
        f"| `{name}` | {', '.join(f'`{key}`' for key in keys) or 'none'} | none |"
        for name, keys in found.items()
    ]

    assert sum(map(len, found.values())) >= 15, found
    assert all(too_much(exact_document(caller), caller) == [] for caller in callers().values())
    assert "\n".join(table) in PAGE.read_text(), "\n".join(table)
