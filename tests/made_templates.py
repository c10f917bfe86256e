"""Templates made by hand, and what the template rules find in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authorizer.cli.analysis.api import TemplateAnalysis
from authorizer.cli.analysis.named_policy import NamedPolicy
from authorizer.cli.check.template_rules import TEMPLATE_RULES
from authorizer.cli.location import Location
from authorizer.cli.policy_file import read_source
from authorizer.cli.template.model import (
    Api,
    ApiKind,
    AppClient,
    Authorizer,
    AuthorizerKind,
    FunctionVariables,
    Route,
    Template,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authorizer.cli.check.finding import Finding

FILE = "template.yaml"
# Everybody may do everything, so that nothing but what a test is about is found.
ALL_ALLOWED = """\
version: 1
groups:
  reader:
    allow: ["ANY /**"]
"""


def at(line: int, column: int = 1) -> Location:
    """A place in the template."""
    return Location(file=FILE, line=line, column=column)


def route(key: str, authorizer: Any = "Rbac", line: int = 10, *, preflight: bool = False) -> Route:
    """A route by its key, ``GET /users/{id}``."""
    method, blank, path = key.partition(" ")
    return Route(
        method=method if blank else "",
        path=path if blank else key,
        authorizer=authorizer,
        location=at(line),
        is_preflight=preflight,
    )


def authorizer(name: str = "Rbac", **facts: Any) -> Authorizer:
    """An authorizer of an HTTP API, as the sample has it: simple answers, nothing cached."""
    values: dict[str, Any] = {
        "kind": AuthorizerKind.REQUEST,
        "function": "AuthorizerFunction",
        "payload_version": "2.0",
        "payload_version_location": at(21),
        "simple_responses": True,
        "simple_responses_location": at(22),
        "identity_sources": ("header:authorization", "context:routeKey"),
        "identity_location": at(23),
        "ttl_seconds": 0,
        "ttl_location": at(24),
    }
    return Authorizer(name=name, location=at(20), **(values | facts))


def rest_authorizer(name: str = "Rbac", **facts: Any) -> Authorizer:
    """An authorizer of a REST API: IAM documents."""
    values: dict[str, Any] = {
        "payload_version": None,
        "simple_responses": False,
        "identity_sources": ("header:authorization",),
    }
    return authorizer(name, **(values | facts))


def http_api(*routes: Route, by: Iterable[Authorizer] = (), **facts: Any) -> Api:
    """An HTTP API; with the sample's authorizer, if nothing else is said."""
    values: dict[str, Any] = {"kind": ApiKind.HTTP} | facts
    authorizers = tuple(by) or (authorizer(),)
    return Api(id="Api", location=at(5), routes=routes, authorizers=authorizers, **values)


def rest_api(*routes: Route, by: Iterable[Authorizer] = (), **facts: Any) -> Api:
    """A REST API."""
    return http_api(*routes, by=tuple(by) or (rest_authorizer(),), kind=ApiKind.REST, **facts)


def function(name: str = "AuthorizerFunction", **variables: Any) -> FunctionVariables:
    """The authorizer's function."""
    return FunctionVariables(
        id=name,
        location=at(40),
        variables={"AUTHORIZER_USER_POOLS": "eu-west-1_AbCdEf123=client"} | variables,
    )


def template(*apis: Api, **facts: Any) -> Template:
    """A template with our function in it."""
    return Template(file=FILE, apis=apis, **({"functions": (function(),)} | facts))


def client(**facts: Any) -> AppClient:
    """An app client."""
    return AppClient(id="Client", location=at(50), access_token_location=at(51), **facts)


def read_policy(text: str) -> NamedPolicy:
    """A policy of that text."""
    source, problems = read_source(text.encode())
    assert not problems
    return NamedPolicy(source=source)


def analysis_of(template: Template, policy: str = ALL_ALLOWED) -> TemplateAnalysis:
    """What the template rules look at."""
    return TemplateAnalysis(read_policy(policy), template)


def findings(template: Template, policy: str = ALL_ALLOWED) -> list[Finding]:
    """All that the template rules find."""
    analysis = analysis_of(template, policy)
    return [found for rule in TEMPLATE_RULES for found in rule(analysis)]


def found(template: Template, policy: str = ALL_ALLOWED) -> list[tuple[str, int]]:
    """Codes and lines of all findings, in order."""
    return sorted((one.code, one.location.line) for one in findings(template, policy))
