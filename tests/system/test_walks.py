"""Answers that the gateway remembers are right for every route of the caller, in any order.

A walk is one caller with a fresh token who asks for all routes, within the time to live. WALKS says
how many there are for each of four kinds of APIs (`make walks`: a thousand), and WALK_SEED which.
The controls at the end show that the walks notice what they are there for.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

import pytest
import realistic_api
import walks
from realistic_api import (
    HTTP_IAM,
    KINDS,
    LARGE_KINDS,
    REST_REQUEST,
    REST_TOKEN,
    Kind,
    http_kind,
)
from simulator import Cognito
from walks import CALLERS, CALLERS_WITHOUT_DOCUMENT, LARGE_CALLERS, Caller, Walk, Walker

from authorizer.cli.local.emulator import Emulator, running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.system

WALKS = int(os.environ.get("WALKS", "12"))
SEED = os.environ.get("WALK_SEED") or secrets.token_hex(4)
# What is usually written, and what is usual to get wrong.
NAIVE = replace(REST_TOKEN, name="naive", handler="naive_authorizer.handler", environment={})
ONE_REQUEST = replace(
    REST_REQUEST,
    name="one-request",
    environment={"AUTHORIZER_IAM_MODES": "rest-request=request"},
)
WITHOUT_ROUTE = http_kind("simple-without-route", simple=True, context=[])
GRANTED_BY_STARS = {
    Caller(groups=("reader",)): {"ListDrafts", "ListRevisions"},
    Caller(groups=("editor",)): {"PublishArticle", "RemoveComment"},
    Caller(groups=("moderator",)): {"ListDrafts", "ExportAccounts"},
    Caller(groups=("support",)): {"ListDrafts", "ListRevisions", "ListKeys", "ExportAccounts"},
    Caller(groups=("admin",)): {"ListKeys", "ReadFinance"},
}
MEMBER = Caller(groups=("member",))


@dataclass(frozen=True)
class Site:
    """An API on the emulator, and who walks there."""

    emulator: Emulator
    walker: Walker

    @property
    def kind(self) -> Kind:
        return self.walker.api.kind

    @property
    def times_asked(self) -> int:
        return realistic_api.times_asked(self.emulator, self.walker.api)

    def planned(self, callers: Sequence[Caller], number: int) -> list[Walk]:
        chances = walks.chances(f"{SEED} {self.kind.name}", number)
        return [self.walker.plan(chance.choice(callers), chance) for chance in chances]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


@pytest.fixture(scope="module")
def site(emulator: Emulator, request: pytest.FixtureRequest) -> Site:
    cognito = Cognito()
    api = realistic_api.deployed(emulator, cognito, request.param)
    return Site(emulator, Walker(api=api, cognito=cognito))


def on(*kinds: Kind) -> pytest.MarkDecorator:
    sites = [
        pytest.param(kind, id=kind.name, marks=pytest.mark.xdist_group(f"walks {kind.name}"))
        for kind in kinds
    ]
    return pytest.mark.parametrize("site", sites, indirect=True)


@on(*KINDS)
def test_every_status_is_what_the_policy_decides(site: Site) -> None:
    """Whoever walks all routes, in any order, is answered as decide says on each of them."""
    callers = CALLERS if site.kind.answers_for_all else CALLERS + CALLERS_WITHOUT_DOCUMENT
    planned = site.planned(callers, WALKS)
    expected = Counter(step.expected for walk in planned for step in walk.steps)
    assert min(expected[200], expected[403]) > 2 * WALKS  # how often is chance
    differences = site.walker.go_all(planned)
    assert [str(difference) for difference in differences] == [], f"WALK_SEED={SEED}"
    if site.kind.answers_for_all:
        assert site.times_asked == WALKS  # the rest was answered from memory


# To deploy 150 routes takes long: one kind will do, where few walks are gone.
@on(*(LARGE_KINDS if WALKS >= 100 else LARGE_KINDS[1:2]))
def test_a_large_api_simply_works(site: Site) -> None:
    """On 150 routes, too, one answer is right for all of them, whoever asks in whichever order."""
    number = WALKS if WALKS >= 100 else 2
    planned = site.planned(LARGE_CALLERS, number)
    differences = site.walker.go_all(planned)
    assert [str(difference) for difference in differences] == [], f"WALK_SEED={SEED}"
    if site.kind.answers_for_all:
        assert site.times_asked == number


@on(REST_REQUEST, REST_TOKEN, HTTP_IAM)
def test_where_no_document_is_exact_nobody_gets_more(site: Site) -> None:
    """A caller for whom no document is right gets too little from a remembered one, never more."""
    planned = site.planned(CALLERS_WITHOUT_DOCUMENT, 20)
    differences = site.walker.go_all(planned)
    assert {(d.step.expected, d.found) for d in differences} == {(200, 403)}, f"WALK_SEED={SEED}"


@on(NAIVE)
def test_the_walks_notice_what_stars_grant(site: Site) -> None:
    """With a star for each parameter, callers get routes that the policy does not give them."""
    found = {
        (difference.caller, difference.step.route.event)
        for caller in GRANTED_BY_STARS
        for difference in site.walker.go(site.walker.plan(caller, Random(SEED)))
        if difference.grants_too_much
    }
    assert found == {
        (caller, event) for caller, events in GRANTED_BY_STARS.items() for event in events
    }


@on(ONE_REQUEST)
def test_the_walks_notice_a_document_for_one_request(site: Site) -> None:
    """With the one request's ARN in the document, the caller's other routes answer 403."""
    differences = site.walker.go(site.walker.plan(MEMBER, Random(SEED)))
    assert {(d.step.expected, d.found) for d in differences} == {(200, 403)}


@on(WITHOUT_ROUTE)
def test_the_walks_notice_a_simple_answer_kept_without_its_route(site: Site) -> None:
    """Where the route is no part of what it is remembered by, one yes opens every route."""
    walk = site.walker.plan(MEMBER, Random(SEED))
    allowed_first = sorted(walk.steps, key=lambda step: (step.route.is_public, step.expected))
    differences = site.walker.go(replace(walk, steps=tuple(allowed_first)))
    assert {(d.step.expected, d.found) for d in differences} == {(403, 200)}
