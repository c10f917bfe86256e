"""A policy to begin with: every route of the API once, and nobody may use any yet.

Each route is a line in a comment. A person moves it to the group that may use it; nothing is
granted, nor declared public, because of what a template happens to say today.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

import yaml

from authorizer.cli.analysis.api import TemplateAnalysis
from authorizer.cli.analysis.protection import DecidedBy
from authorizer.cli.policy_file.grammar import RuleSyntaxError, pattern_of
from authorizer.cli.text import plain, render
from authorizer.policy.paths import split_route_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authorizer.cli.analysis.named_policy import NamedPolicy
    from authorizer.cli.analysis.protection import RouteProtection
    from authorizer.cli.template.model import Api, Template

_GREEDY = re.compile(r"/\{[^{}/]+\+\}\Z")
# A line that is switched off: "# - GET /hello    # a remark".
_COMMENTED = re.compile(
    r"^[ \t]*#[ \t]*-[ \t]*(?P<rule>\S+ /\S*|\$connect)(?:[ \t]+#.*)?$", re.MULTILINE
)
_NEW = "\n# New in {template}. Nobody may use these yet: move each to the group that may.\n"


def rule_for(route_key: str) -> str:
    """The line that a policy has for a route; its key, which is none, where no rule can name it."""
    return "ANY /**" if route_key == "$default" else _GREEDY.sub("/**", route_key)


def starting_policy(
    protections: Iterable[RouteProtection], groups: Sequence[str], template: str
) -> str:
    """The text of a policy that has every route of an API in a comment.

    Args:
        protections: who guards each route now.
        groups: of the user pool; the first one gets the lines.
        template: its file's name.
    """
    lines: dict[bool, list[str]] = {False: [], True: []}
    for protection in protections:
        is_open = protection.decided_by is DecidedBy.NOBODY
        lines[is_open].append(rule_for(protection.route.key))
    if not lines[False]:  # the project has no authorizer at all: being open says nothing
        lines = {False: lines[True], True: []}
    return snippet(
        "policy",
        template=plain(template),
        groups=groups,
        guarded=list(_commented(lines[False])),
        open=list(_commented(lines[True])),
    )


def snippet(name: str, **facts: object) -> str:
    """A text of ``snippets/``, filled in."""
    return render("init/snippets", f"{name}.txt", yaml=_quoted, **facts)


def missing_rules(policy: NamedPolicy, template: Template, api: Api, text: str) -> list[str]:
    """The lines for routes of an API that nobody may use, and that the file does not mention.

    Args:
        policy: that the file has.
        template: that has the API.
        api: whose routes are looked at.
        text: of the policy's file, with its comments.
    """
    analysis = TemplateAnalysis(policy, template)
    mentioned = {match["rule"] for match in _COMMENTED.finditer(text)}
    rules = (
        rule_for(protection.route.key)
        for protection in analysis.of(api).protections
        if not analysis.of(api).is_usable(protection) and not analysis.is_public(protection)
    )
    return [rule for rule in dict.fromkeys(rules) if rule not in mentioned]


def with_rules(text: str, rules: Sequence[str], template: str) -> str:
    """The text of a policy with lines for further routes at its end, in comments."""
    end = "" if text.endswith("\n") else "\n"
    lines = "".join(f"{line}\n" for line in _commented(rules))
    return f"{text}{end}{_NEW.format(template=plain(template))}{lines}"


def _commented(rules: Iterable[str]) -> Iterator[str]:
    """Each rule as a comment, those of one first segment together."""
    ordered = sorted(dict.fromkeys(rules), key=lambda rule: split_route_key(rule)[::-1])
    for segment, together in groupby(ordered, _first_segment):
        # Nothing of a route may end its comment, and begin a rule.
        yield f"# {plain(segment)}"
        yield from (f"# - {plain(rule)}{_remark(rule)}" for rule in together)


def _first_segment(rule: str) -> str:
    return "/".join(split_route_key(rule)[1].split("/")[:2])


def _remark(rule: str) -> str:
    try:
        pattern_of(rule)
    except RuleSyntaxError:
        return "   # no rule can name this path: rename the route"
    return ""


def _quoted(name: str) -> str:
    """A name as YAML has it."""
    written = yaml.safe_dump(name).removesuffix("...\n").strip()
    is_plain = written == name and re.fullmatch(r"[\w-]+", name)
    return name if is_plain else yaml.safe_dump(name, default_style='"', width=2**20).strip()
