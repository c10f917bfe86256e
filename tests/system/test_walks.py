"""Answers that the gateway remembers are right for every route of the caller, in any order.

A walk is one caller with a fresh token who asks for all routes, within the time to live. There are
a thousand, over four kinds of APIs; WALKS says how many for each, and WALK_SEED which.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest
import realistic_api
import walks
from realistic_api import HTTP_SIMPLE, KINDS, REST_REQUEST, REST_TOKEN, Kind
from simulator import Cognito
from walks import CALLERS, CALLERS_WITHOUT_DOCUMENT, Caller, Walker

from authorizer.cli.local.emulator import Emulator, running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

WALKS = int(os.environ.get("WALKS", "250"))
SEED = os.environ.get("WALK_SEED") or secrets.token_hex(4)

NAIVE = {
    Caller(groups=("reader",)): {"ListDrafts", "ListRevisions"},
    Caller(groups=("member",)): {"ListDrafts", "ListRevisions"},
    Caller(groups=("editor",)): {"PublishArticle", "RemoveComment"},
    Caller(groups=("moderator",)): {"ListDrafts", "ExportAccounts"},
    Caller(groups=("support",)): {"ListDrafts", "ListRevisions", "ListKeys", "ExportAccounts"},
    Caller(groups=("admin",)): {"ListKeys", "ReadFinance"},
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


def walker(emulator: Emulator, kind: Kind) -> Walker:
    cognito = Cognito()
    return Walker(
        api=realistic_api.deployed(emulator, cognito, kind),
        cognito=cognito,
        policy=realistic_api.compiled_policy()[1],
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_status_is_what_the_policy_decides(emulator: Emulator, kind: Kind) -> None:
    """Whoever walks all routes, in any order, is answered as decide says on each of them."""
    walker_ = walker(emulator, kind)
    planned = [
        walker_.plan(chance.choice(CALLERS), chance)
        for chance in walks.chances(f"{SEED} {kind.name}", WALKS)
    ]
    expected = Counter(step.expected for walk in planned for step in walk.steps)
    assert min(expected[200], expected[403]) > 5 * WALKS
    differences = walker_.go_all(planned)
    assert [str(difference) for difference in differences] == [], f"WALK_SEED={SEED}"


def test_a_naive_document_is_noticed(emulator: Emulator) -> None:
    """With a star for each parameter, callers get routes that the policy does not give them."""
    kind = replace(REST_TOKEN, name="naive", handler="naive_authorizer.handler", environment={})
    walker_ = walker(emulator, kind)
    found = {
        (str(difference.caller), difference.step.route.event)
        for caller in NAIVE
        for difference in walker_.go(walker_.plan(caller, Random(SEED)))
        if difference.grants_too_much
    }
    assert found == {(str(caller), event) for caller, events in NAIVE.items() for event in events}
