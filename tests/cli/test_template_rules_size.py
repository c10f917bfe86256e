"""Policies and templates that are large, deep, or both."""

from __future__ import annotations

from functools import cache
from time import process_time
from typing import TYPE_CHECKING

import pytest
from made_templates import (
    authorizer,
    findings,
    found,
    http_api,
    read_policy,
    rest_api,
    rest_authorizer,
    route,
    template,
)

from authorizer.cli.analysis.api import TemplateAnalysis
from authorizer.cli.check.template_rules import TEMPLATE_RULES
from authorizer.cli.template.model import AuthorizerKind, Route

if TYPE_CHECKING:
    from authorizer.cli.analysis.named_policy import NamedPolicy

METHODS = ("GET", "POST", "PUT")
# One to five on a quiet machine. To try every rule on every other would take minutes.
MOST_SECONDS = 30


@cache
def large_policy(rule: str) -> NamedPolicy:
    """A hundred groups of a hundred rules, and one that shuts out."""
    lines = ["version: 1", "groups:"]
    for group in range(100):
        lines += [f"  g{group}:", "    allow:"]
        for at in range(100):
            number = (group * 100 + at) % 300
            method = METHODS[(group + at) % 3]
            lines.append(f'      - "{method} {rule.format(number=number, group=group, at=at)}"')
    return read_policy("\n".join([*lines, "  suspended:", '    deny: ["ANY /**"]']))


@pytest.mark.xdist_group("large policies")
@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("ANY /r{number}/{{id}}/s", "/r{number}/{{id}}/s"),
        ("ANY /r{number}/{{id}}/s", "/none{group}/{{id}}/x{at}"),
        ("ANY /r{number}/{{id}}/s", "/r{at}/literal{group}/s"),
        ("ANY /r{number}/{{proxy+}}", "/r{number}/{{id}}/s"),
        ("ANY /r{number}/{{proxy+}}", "/none{group}/{{id}}/x{at}"),
        ("ANY /{{a}}/x{number}/{{proxy+}}", "/r{number}/{{id}}/s"),
        ("ANY /{{a}}/x{number}/{{proxy+}}", "/{{id}}/x{at}/literal{group}"),
    ],
)
def test_ten_thousand_rules_and_three_hundred_routes_take_seconds(key: str, rule: str) -> None:
    """No rule tries every route, and no route every rule."""
    named = large_policy(rule)
    routes = [route(key.format(number=number), line=number + 1) for number in range(300)]
    made = template(http_api(*routes, route("$default"), by=[authorizer(ttl_seconds=60)]))
    start = process_time()
    analysis = TemplateAnalysis(named, made)
    for check in TEMPLATE_RULES:
        list(check(analysis))
    assert process_time() - start < MOST_SECONDS


def test_an_api_without_a_table_is_judged() -> None:
    """Of too many routes no document is made, and it is found without one."""
    routes = [route(f"GET /x{number}") for number in range(2_001)]
    api = rest_api(*routes, by=[rest_authorizer(ttl_seconds=300)])
    assert "X207" in {code for code, _ in found(template(api))}


DEEP = "a/" * 5000 + "a"
MANY = "/".join(f"{{p{number}}}" for number in range(900))


@pytest.mark.parametrize("path", [f"/{DEEP}", f"/{MANY}", "/{proxy+}", "/{a}/{proxy+}"])
@pytest.mark.parametrize("kind", [AuthorizerKind.REQUEST, AuthorizerKind.TOKEN])
def test_a_deep_path_is_no_deep_recursion(path: str, kind: AuthorizerKind) -> None:
    """A path may have more segments than Python has frames."""
    many = "/".join(f"{{p{number}}}" for number in range(100))
    deep = "a/" * 97 + "a"  # a rule may have a hundred segments, a template what it likes
    text = (
        "version: 1\ngroups:\n  g:\n"
        f"    allow: ['GET /{many}', 'GET /{deep}', 'GET /{{x}}/{deep}/**']\n"
        f"    deny: ['GET /b/{deep}']\n"
    )
    api = rest_api(route(f"GET {path}"), by=[rest_authorizer(kind=kind, ttl_seconds=300)])
    found(template(api), text)


def test_a_long_name_is_clipped() -> None:
    """A message stays readable, whatever a template has for a path."""
    deep = Route(method="GET", path="/" + DEEP, authorizer=None, location=route("GET /x").location)
    (one,) = (one for one in findings(template(http_api(deep))) if one.code == "X101")
    assert len(one.message) < 300
