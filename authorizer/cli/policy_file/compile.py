"""Compiling ``policy.yaml``: the JSON that ships, which ``authorizer.policy.model`` reads.

The authorizer trusts what is sealed here: all that it must not contain is refused here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from authorizer.cli.policy_file.grammar import is_route_key, parse_rule
from authorizer.errors import ConfigurationError, clip
from authorizer.policy.decision import Policy
from authorizer.policy.model import contents_of, seal_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from authorizer.cli.policy_file.source import SourcePolicy, SourceRule

# What a rule has, and a row of the table of callers.
_ROWS = {"line", "glob", "subject"}


def compile_source(source: SourcePolicy) -> dict[str, Any]:
    """The compiled document: rules as they were read, without tests and acceptances."""
    closure = include_closure(
        {group.name: [item.text for item in group.includes] for group in source.groups}
    )
    return {
        "groups": {
            group.name: {
                "includes": sorted(closure[group.name] - {group.name}),
                "allow": _rules(group.allow),
                "deny": _rules(group.deny),
            }
            for group in source.groups
        },
        "scopes": {
            scope.name: {"allow": _rules(scope.allow), "deny": []} for scope in source.scopes
        },
        "public": _rules(source.public),
        "routes": None,
        "callers": None,
    }


def with_routes(document: Mapping[str, Any], routes: Collection[str]) -> dict[str, Any]:
    """The compiled document for an API: with its routes, and what is worked out from them.

    Without that, where the API is too large for it.

    Raises:
        ConfigurationError: one of them is no route.
    """
    problems = [
        f"expected a route such as GET /users/{{id}}, found {clip(key)}"
        for key in routes
        if not is_route_key(key)
    ]
    if problems:
        raise ConfigurationError(problems)
    from authorizer.cli.policy_file.caller_table import caller_table  # noqa: PLC0415 - slow to load

    routed = {**document, "routes": list(routes), "callers": None}
    # Nobody but the table's maker reads it before it is sealed.
    return {**routed, "callers": caller_table(Policy(**contents_of({**routed, "seal": ""})))}


def compiled_rule(text: str, line: int) -> dict[str, Any]:
    """A rule of the compiled document.

    Raises:
        RuleSyntaxError: the text is none.
    """
    return {"line": line, **parse_rule(text)}


def _rules(rules: Iterable[SourceRule]) -> list[dict[str, Any]]:
    return [compiled_rule(rule.text, rule.location.line) for rule in rules]


def include_closure(includes: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """Each group with everything it includes, directly or not, and itself."""
    closure: dict[str, frozenset[str]] = {}
    for group in includes:
        found, waiting = {group}, [group]
        while waiting:
            new = set(includes.get(waiting.pop(), ())) - found
            found |= new
            waiting += new
        closure[group] = frozenset(found)
    return closure


def dump_policy(document: Mapping[str, Any]) -> bytes:
    """Write the compiled form: the same bytes for the same document, on every machine."""
    rest = _written(document).removeprefix("{\n").encode() + b"\n"
    return seal_of(rest) + rest


def _written(value: object, indent: str = "") -> str:
    """JSON with one rule, name or route on a line; so are the rows of the table of callers."""
    is_rule = isinstance(value, dict) and not _ROWS.isdisjoint(value)
    if not value or is_rule or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    inner = f"{indent} "
    if isinstance(value, dict):
        parts = [
            f"{inner}{json.dumps(name, ensure_ascii=False)}: {_written(part, inner)}"
            for name, part in value.items()
        ]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    items = ",\n".join(f"{inner}{_written(item, inner)}" for item in value)
    return f"[\n{items}\n{indent}]"
