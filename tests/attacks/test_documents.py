"""Documents that API Gateway keeps, read for the requests of somebody who wants more of them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from api_gateway import ARN
from naive_gateway import iam_allows
from naive_policy import policy_of

from authorizer.policy.caller import CallerDocuments, Grants, Inexact

PREFIX = f"{ARN}/test/"


def documents(allow: list[str], routes: list[str], deny: tuple[str, ...] = ()) -> Grants | Inexact:
    """What a group's members get for an API."""
    rules = "".join(f'\n      - "{rule}"' for rule in allow)
    denies = "".join(f'\n      - "{rule}"' for rule in deny)
    policy = policy_of(f"version: 1\ngroups:\n  g:\n    allow:{rules}\n    deny:{denies}\n", routes)
    return CallerDocuments(policy, routes).of(("g",), (), {"sub": "me", "username": "someone"})


def test_a_client_cannot_choose_how_long_it_takes() -> None:
    """A long path of repeated words costs no more than its length, however many stars there are."""
    found = documents(
        ["GET /{a}/x/{b}/x/{c}/x/{d}/y"], ["GET /{p}/x/{q}/x/{r}/x/{s}/y", "$default"]
    )
    assert isinstance(found, Grants)
    started = time.process_time()

    assert not found.allows("GET/" + "/".join(["x"] * 700))
    assert time.process_time() - started < 1
